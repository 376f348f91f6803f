//! A transaction as one batch of netlink messages. Pure: the result is bytes.

use std::net::IpAddr;

use vigie_bouncer_client::Moment;
use vigie_bouncer_client::span::Family;

use super::attribute::{Writer, u16_at, u32_at};
use super::consts::{self as c, Message};
use crate::text::timeout_secs;
use crate::transaction::{Counter, Element, Hook, Op, Set, Transaction};

/// A batch, ready to be sent.
#[derive(Debug)]
pub struct Batch {
    /// The datagram.
    pub bytes: Vec<u8>,
    /// To each message, by sequence number, the step that it belongs to.
    pub steps: Vec<usize>,
    /// Sequence number of the message that the kernel acknowledges when all is done.
    pub last: u32,
}

/// Elements in one message; the list's length must fit 16 bits.
const ELEMENTS_PER_MESSAGE: usize = 500;

/// Encodes for this table at this moment.
pub fn batch(transaction: &Transaction, table: &str, now: Moment) -> Batch {
    let mut encoder = Encoder {
        w: Writer::default(),
        table,
        now,
    };
    encoder.border(c::BATCH_BEGIN);
    let mut steps = vec![0];
    for (index, op) in transaction.ops.iter().enumerate() {
        encoder.op(op);
        steps.resize(usize::try_from(encoder.w.messages()).unwrap_or(0), index);
    }
    let end = encoder.w.messages();
    encoder.border(c::BATCH_END);
    let mut bytes = encoder.w.into_bytes();
    let last = end.saturating_sub(1);
    acknowledge(&mut bytes, last);
    Batch { bytes, steps, last }
}

/// Asks for an answer to the message with this sequence number. Failures are answered without being asked.
fn acknowledge(bytes: &mut [u8], sequence: u32) {
    let mut at = 0_usize;
    while let Some(length) = u32_at(bytes, at) {
        let is_it = u32_at(bytes, at.saturating_add(8)) == Some(sequence);
        let place = at.saturating_add(6);
        if let (true, Some(flags)) = (is_it, u16_at(bytes, place)) {
            let flags = (flags | c::NLM_F_ACK).to_ne_bytes();
            bytes
                .iter_mut()
                .skip(place)
                .zip(flags)
                .for_each(|(byte, new)| *byte = new);
        }
        at = at
            .saturating_add(usize::try_from(length).unwrap_or(usize::MAX))
            .next_multiple_of(4);
    }
}

struct Encoder<'a> {
    w: Writer,
    table: &'a str,
    now: Moment,
}

// === impl Encoder ===

impl Encoder<'_> {
    fn border(&mut self, kind: u16) {
        let open = self.w.message(kind, 0, 0, c::SUBSYSTEM);
        self.w.end_message(&open);
    }

    fn op(&mut self, op: &Op) {
        match op {
            Op::AddTable => self.table(Message::NewTable, c::NLM_F_CREATE),
            Op::DeleteTable => self.table(Message::DelTable, 0),
            Op::AddCounter(counter) => self.counter(*counter),
            Op::AddSet(set) => self.set(*set),
            Op::DeleteSet(set) => self.delete_set(*set),
            Op::DeleteChain(hook) => self.delete_chain(*hook),
            Op::AddChain(hook, priority) => self.chain(*hook, *priority),
            Op::AddRule(hook, set) => self.rule(*hook, *set),
            Op::AddElements(set, elements) => self.elements(Message::NewSetElem, *set, elements),
            Op::DeleteElements(set, elements) => self.elements(Message::DelSetElem, *set, elements),
        }
    }

    fn table(&mut self, message: Message, flags: u16) {
        let open = self.w.inet(message.kind(), flags);
        self.w.text(c::TABLE_NAME, self.table);
        if message == Message::NewTable {
            self.w.number(c::TABLE_FLAGS, 0);
        }
        self.w.end_message(&open);
    }

    fn set(&mut self, set: Set) {
        let (key_type, key_len) = match set.kind.family() {
            Family::V4 => (c::NFT_TYPE_IPADDR, 4),
            Family::V6 => (c::NFT_TYPE_IP6ADDR, 16),
        };
        let interval = if set.kind.is_interval() {
            c::SET_FLAG_INTERVAL
        } else {
            0
        };
        // Unique within the transaction, which has no two new sets of a kind.
        let id = set.kind as u32;
        let open = self.w.inet(Message::NewSet.kind(), c::NLM_F_CREATE);
        self.w.text(c::SET_TABLE, self.table);
        self.w.text(c::SET_NAME, set);
        let flags = c::SET_FLAG_TIMEOUT | c::SET_FLAG_OBJECT | interval;
        self.w.number(c::SET_FLAGS, flags);
        self.w.number(c::SET_KEY_TYPE, key_type);
        self.w.number(c::SET_KEY_LEN, key_len);
        self.w.number(c::SET_OBJECT_TYPE, c::OBJECT_COUNTER);
        self.w.number(c::SET_ID, id.saturating_add(1));
        self.w.end_message(&open);
    }

    fn delete_set(&mut self, set: Set) {
        let open = self.w.inet(Message::DelSet.kind(), 0);
        self.w.text(c::SET_TABLE, self.table);
        self.w.text(c::SET_NAME, set);
        self.w.end_message(&open);
    }

    fn counter(&mut self, counter: Counter) {
        let open = self.w.inet(Message::NewObj.kind(), c::NLM_F_CREATE);
        self.w.text(c::OBJ_TABLE, self.table);
        self.w.text(c::OBJ_NAME, counter);
        self.w.number(c::OBJ_TYPE, c::OBJECT_COUNTER);
        let data = self.w.nest(c::OBJ_DATA);
        self.w.attribute(c::COUNTER_BYTES, &0_u64.to_be_bytes());
        self.w.attribute(c::COUNTER_PACKETS, &0_u64.to_be_bytes());
        self.w.end_nest(&data);
        self.w.end_message(&open);
    }

    fn delete_chain(&mut self, hook: Hook) {
        let open = self.w.inet(Message::DelRule.kind(), 0);
        self.w.text(c::RULE_TABLE, self.table);
        self.w.text(c::RULE_CHAIN, hook.name());
        self.w.end_message(&open);
        let open = self.w.inet(Message::DelChain.kind(), 0);
        self.w.text(c::CHAIN_TABLE, self.table);
        self.w.text(c::CHAIN_NAME, hook.name());
        self.w.end_message(&open);
    }

    fn chain(&mut self, hook: Hook, priority: i32) {
        let number = match hook {
            Hook::Input => c::LOCAL_IN,
            Hook::Forward => c::FORWARD,
        };
        let open = self.w.inet(Message::NewChain.kind(), c::NLM_F_CREATE);
        self.w.text(c::CHAIN_TABLE, self.table);
        self.w.text(c::CHAIN_NAME, hook.name());
        let at = self.w.nest(c::CHAIN_HOOK);
        self.w.number(c::HOOK_NUMBER, number);
        self.w.attribute(c::HOOK_PRIORITY, &priority.to_be_bytes());
        self.w.end_nest(&at);
        self.w.number(c::CHAIN_POLICY, c::NF_ACCEPT);
        self.w.text(c::CHAIN_TYPE, "filter");
        self.w.end_message(&open);
    }

    /// `counter name ip saddr map @set drop`, as nft itself would write it: one look-up, which ends the rule for whom the
    /// set does not hold.
    fn rule(&mut self, hook: Hook, set: Set) {
        let (protocol, offset, length) = match set.kind.family() {
            Family::V4 => (c::NFPROTO_IPV4, 12, 4),
            Family::V6 => (c::NFPROTO_IPV6, 8, 16),
        };
        let open = self
            .w
            .inet(Message::NewRule.kind(), c::NLM_F_CREATE | c::NLM_F_APPEND);
        self.w.text(c::RULE_TABLE, self.table);
        self.w.text(c::RULE_CHAIN, hook.name());
        let list = self.w.nest(c::RULE_EXPRESSIONS);
        self.expression("meta", |w| {
            w.number(c::META_DREG, c::REG_1);
            w.number(c::META_KEY, c::META_NFPROTO);
        });
        self.expression("cmp", |w| {
            w.number(c::CMP_SREG, c::REG_1);
            w.number(c::CMP_OP, c::CMP_EQ);
            let data = w.nest(c::CMP_DATA);
            w.attribute(c::DATA_VALUE, &[protocol]);
            w.end_nest(&data);
        });
        self.expression("payload", |w| {
            w.number(c::PAYLOAD_DREG, c::REG_1);
            w.number(c::PAYLOAD_BASE, c::NETWORK_HEADER);
            w.number(c::PAYLOAD_OFFSET, offset);
            w.number(c::PAYLOAD_LEN, length);
        });
        self.expression("objref", |w| {
            w.number(c::OBJREF_SET_SREG, c::REG_1);
            w.text(c::OBJREF_SET_NAME, set);
        });
        self.expression("immediate", |w| {
            w.number(c::IMMEDIATE_DREG, c::REG_VERDICT);
            let data = w.nest(c::IMMEDIATE_DATA);
            let verdict = w.nest(c::DATA_VERDICT);
            w.number(c::VERDICT_CODE, c::NF_DROP);
            w.end_nest(&verdict);
            w.end_nest(&data);
        });
        self.w.end_nest(&list);
        self.w.end_message(&open);
    }

    fn expression(&mut self, name: &str, fill: impl FnOnce(&mut Writer)) {
        let element = self.w.nest(c::LIST_ELEM);
        self.w.text(c::EXPR_NAME, name);
        let data = self.w.nest(c::EXPR_DATA);
        fill(&mut self.w);
        self.w.end_nest(&data);
        self.w.end_nest(&element);
    }

    fn elements(&mut self, message: Message, set: Set, elements: &[Element]) {
        let flags = if message == Message::NewSetElem {
            c::NLM_F_CREATE
        } else {
            0
        };
        for some in elements.chunks(ELEMENTS_PER_MESSAGE) {
            let open = self.w.inet(message.kind(), flags);
            self.w.text(c::ELEM_LIST_TABLE, self.table);
            self.w.text(c::ELEM_LIST_SET, set);
            let list = self.w.nest(c::ELEM_LIST_ELEMENTS);
            for element in some {
                self.element(element.first, |w, now| {
                    if message == Message::NewSetElem {
                        let millis = u64::from(timeout_secs(element, now)).saturating_mul(1_000);
                        w.attribute(c::ELEM_TIMEOUT, &millis.to_be_bytes());
                        w.text(c::ELEM_OBJECT, element.counter());
                    }
                });
                if set.kind.is_interval() {
                    self.interval_end(set, element);
                }
            }
            self.w.end_nest(&list);
            self.w.end_message(&open);
        }
    }

    fn element(&mut self, key: IpAddr, more: impl FnOnce(&mut Writer, Moment)) {
        let element = self.w.nest(c::LIST_ELEM);
        let data = self.w.nest(c::ELEM_KEY);
        match key {
            IpAddr::V4(address) => self.w.attribute(c::DATA_VALUE, &address.octets()),
            IpAddr::V6(address) => self.w.attribute(c::DATA_VALUE, &address.octets()),
        }
        self.w.end_nest(&data);
        more(&mut self.w, self.now);
        self.w.end_nest(&element);
    }

    /// An interval is its first address and the one behind its last, marked as an end. The highest address of
    /// all has none behind it, and then the interval stays open.
    fn interval_end(&mut self, set: Set, element: &Element) {
        let top = match set.kind.family() {
            Family::V4 => u128::from(u32::MAX),
            Family::V6 => u128::MAX,
        };
        let (_, last) = element.numbers();
        if last < top {
            let behind = set.kind.family().address(last.saturating_add(1));
            self.element(behind, |w, _| w.number(c::ELEM_FLAGS, c::ELEM_INTERVAL_END));
        }
    }
}
