//! Numbers of linux/netlink.h, linux/netfilter/nfnetlink.h and `linux/netfilter/nf_tables.h`, as far as used.

pub(crate) const NLMSG_ERROR: u16 = 2;
pub(crate) const NLMSG_DONE: u16 = 3;
pub(crate) const NLM_F_REQUEST: u16 = 0x1;
pub(crate) const NLM_F_ACK: u16 = 0x4;
pub(crate) const NLM_F_DUMP_INTR: u16 = 0x10;
pub(crate) const NLM_F_DUMP: u16 = 0x300;
pub(crate) const NLM_F_CREATE: u16 = 0x400;
pub(crate) const NLM_F_APPEND: u16 = 0x800;
pub(crate) const NLA_F_NESTED: u16 = 0x8000;
pub(crate) const NLA_TYPE_MASK: u16 = 0x3fff;

pub(crate) const BATCH_BEGIN: u16 = 0x10;
pub(crate) const BATCH_END: u16 = 0x11;
/// `NFNL_SUBSYS_NFTABLES`, in the upper byte of message types.
pub(crate) const SUBSYSTEM: u16 = 10;
pub(crate) const INET: u8 = 1;

/// `enum nf_tables_msg_types`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Message {
    NewTable = 0,
    GetTable = 1,
    DelTable = 2,
    NewChain = 3,
    GetChain = 4,
    DelChain = 5,
    NewRule = 6,
    GetRule = 7,
    DelRule = 8,
    NewSet = 9,
    GetSet = 10,
    DelSet = 11,
    NewSetElem = 12,
    DelSetElem = 14,
    NewObj = 18,
    GetObj = 19,
}

impl Message {
    /// The type in the message's header.
    pub(crate) const fn kind(self) -> u16 {
        SUBSYSTEM << 8 | self as u16
    }
}

pub(crate) const LIST_ELEM: u16 = 1;

pub(crate) const TABLE_NAME: u16 = 1;
pub(crate) const TABLE_FLAGS: u16 = 2;
pub(crate) const TABLE_HANDLE: u16 = 4;

pub(crate) const CHAIN_TABLE: u16 = 1;
pub(crate) const CHAIN_NAME: u16 = 3;
pub(crate) const CHAIN_HOOK: u16 = 4;
pub(crate) const CHAIN_POLICY: u16 = 5;
pub(crate) const CHAIN_TYPE: u16 = 7;
pub(crate) const HOOK_NUMBER: u16 = 1;
pub(crate) const HOOK_PRIORITY: u16 = 2;
pub(crate) const LOCAL_IN: u32 = 1;
pub(crate) const FORWARD: u32 = 2;

pub(crate) const RULE_TABLE: u16 = 1;
pub(crate) const RULE_CHAIN: u16 = 2;
pub(crate) const RULE_EXPRESSIONS: u16 = 4;
pub(crate) const EXPR_NAME: u16 = 1;
pub(crate) const EXPR_DATA: u16 = 2;

pub(crate) const SET_TABLE: u16 = 1;
pub(crate) const SET_NAME: u16 = 2;
pub(crate) const SET_FLAGS: u16 = 3;
pub(crate) const SET_KEY_TYPE: u16 = 4;
pub(crate) const SET_KEY_LEN: u16 = 5;
pub(crate) const SET_ID: u16 = 10;
pub(crate) const SET_OBJECT_TYPE: u16 = 15;
/// Told by newer kernels only.
pub(crate) const SET_COUNT: u16 = 20;
pub(crate) const SET_FLAG_INTERVAL: u32 = 0x4;
pub(crate) const SET_FLAG_TIMEOUT: u32 = 0x10;
pub(crate) const SET_FLAG_OBJECT: u32 = 0x40;
/// Type numbers of the nft program, so that it can print our sets.
pub(crate) const NFT_TYPE_IPADDR: u32 = 7;
pub(crate) const NFT_TYPE_IP6ADDR: u32 = 8;

pub(crate) const ELEM_LIST_TABLE: u16 = 1;
pub(crate) const ELEM_LIST_SET: u16 = 2;
pub(crate) const ELEM_LIST_ELEMENTS: u16 = 3;
pub(crate) const ELEM_KEY: u16 = 1;
pub(crate) const ELEM_FLAGS: u16 = 3;
pub(crate) const ELEM_TIMEOUT: u16 = 4;
pub(crate) const ELEM_OBJECT: u16 = 9;
pub(crate) const ELEM_INTERVAL_END: u32 = 1;
pub(crate) const DATA_VALUE: u16 = 1;
pub(crate) const DATA_VERDICT: u16 = 2;
pub(crate) const VERDICT_CODE: u16 = 1;
pub(crate) const NF_DROP: u32 = 0;
pub(crate) const NF_ACCEPT: u32 = 1;

pub(crate) const OBJ_TABLE: u16 = 1;
pub(crate) const OBJ_NAME: u16 = 2;
pub(crate) const OBJ_TYPE: u16 = 3;
pub(crate) const OBJ_DATA: u16 = 4;
pub(crate) const OBJECT_COUNTER: u32 = 1;
pub(crate) const COUNTER_BYTES: u16 = 1;
pub(crate) const COUNTER_PACKETS: u16 = 2;

pub(crate) const REG_VERDICT: u32 = 0;
pub(crate) const REG_1: u32 = 1;
pub(crate) const META_DREG: u16 = 1;
pub(crate) const META_KEY: u16 = 2;
pub(crate) const META_NFPROTO: u32 = 15;
pub(crate) const CMP_SREG: u16 = 1;
pub(crate) const CMP_OP: u16 = 2;
pub(crate) const CMP_DATA: u16 = 3;
pub(crate) const CMP_EQ: u32 = 0;
pub(crate) const PAYLOAD_DREG: u16 = 1;
pub(crate) const PAYLOAD_BASE: u16 = 2;
pub(crate) const PAYLOAD_OFFSET: u16 = 3;
pub(crate) const PAYLOAD_LEN: u16 = 4;
pub(crate) const NETWORK_HEADER: u32 = 1;
pub(crate) const OBJREF_SET_SREG: u16 = 3;
pub(crate) const OBJREF_SET_NAME: u16 = 4;
pub(crate) const IMMEDIATE_DREG: u16 = 1;
pub(crate) const IMMEDIATE_DATA: u16 = 2;
pub(crate) const NFPROTO_IPV4: u8 = 2;
pub(crate) const NFPROTO_IPV6: u8 = 10;
