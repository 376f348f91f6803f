//! The socket to the kernel's tables: sends batches and requests, reads the answers.
//!
//! The kernel carries a batch out while it is being sent, so its answers are there when sending returns.

use std::io;
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, sockopt};
use vigie_bouncer_client::pulse::Dropped;

use super::attribute::{Received, Writer, u32_at};
use super::consts::{self as c, Message};
use super::decode::{self, SeenSet};
use super::encode::Batch;
use crate::transaction::Hook;

/// What the kernel did not do.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// The socket cannot be opened or used.
    #[error("the kernel's netlink socket does not work")]
    Socket(#[source] io::Error),
    /// The kernel refused, and changed nothing.
    #[error("the kernel refuses step {step} of the transaction")]
    Refused {
        /// Which step.
        step: usize,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The kernel did not say what it did.
    #[error("the kernel did not answer")]
    NoAnswer,
}

/// A socket to the tables of this network namespace.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    answer: Vec<u8>,
}

/// Room for the one transaction that must be large; what the system grants otherwise is enough for the rest.
const SEND_BUFFER_BYTES: usize = 16 * 1024 * 1024;
const ANSWER_BYTES: usize = 64 * 1024;
const DUMP_TIMEOUT: Duration = Duration::from_secs(10);
/// A dump that was overtaken by changes is started anew so many times.
const DUMP_ATTEMPTS: u32 = 10;

// === impl NetlinkError ===

impl NetlinkError {
    /// Whether we lack the right to do it (`CAP_NET_ADMIN`), or the kernel the means.
    pub fn is_permanent(&self) -> bool {
        let (Self::Socket(error) | Self::Refused { source: error, .. }) = self else {
            return false;
        };
        let number = error.raw_os_error();
        let permanent = [
            Errno::PERM,
            Errno::ACCESS,
            Errno::PROTONOSUPPORT,
            Errno::AFNOSUPPORT,
            Errno::OPNOTSUPP,
        ];
        permanent.iter().any(|errno| Some(errno.raw_os_error()) == number)
    }

    fn is_missing(&self) -> bool {
        let Self::Refused { source, .. } = self else {
            return false;
        };
        source.raw_os_error() == Some(Errno::NOENT.raw_os_error())
    }
}

fn socket_error(errno: Errno) -> NetlinkError {
    NetlinkError::Socket(errno.into())
}

// === impl Socket ===

impl Socket {
    /// Opens it. Needs no privilege yet.
    pub fn open() -> Result<Self, NetlinkError> {
        let flags = SocketFlags::CLOEXEC;
        let fd = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            flags,
            Some(netlink::NETFILTER),
        )
        .map_err(socket_error)?;
        rustix::net::bind(&fd, &netlink::SocketAddrNetlink::new(0, 0)).map_err(socket_error)?;
        if sockopt::set_socket_send_buffer_size_force(&fd, SEND_BUFFER_BYTES).is_err() {
            // Without the privilege, as much as the system allows.
            sockopt::set_socket_send_buffer_size(&fd, SEND_BUFFER_BYTES).map_err(socket_error)?;
        }
        sockopt::set_socket_timeout(&fd, sockopt::Timeout::Recv, Some(DUMP_TIMEOUT)).map_err(socket_error)?;
        Ok(Self {
            fd,
            answer: vec![0; ANSWER_BYTES],
        })
    }

    /// Has a batch carried out: all of it, or nothing and an error.
    pub fn transact(&mut self, batch: &Batch) -> Result<(), NetlinkError> {
        self.forget_answers()?;
        self.send(&batch.bytes)?;
        let mut done = false;
        let mut failure: Option<NetlinkError> = None;
        loop {
            let count = match self.receive(RecvFlags::DONTWAIT) {
                Ok(count) => count,
                Err(Errno::AGAIN) => break,
                Err(errno) => return Err(socket_error(errno)),
            };
            let mut rest = self.answer.get(..count).unwrap_or_default();
            while let Some((message, after)) = Received::split(rest) {
                rest = after;
                if message.kind != c::NLMSG_ERROR {
                    continue;
                }
                let step = usize::try_from(message.sequence)
                    .ok()
                    .and_then(|at| batch.steps.get(at));
                match refusal(&message, step.copied().unwrap_or(0)) {
                    Some(error) => failure = failure.or(Some(error)),
                    None => done |= message.sequence == batch.last,
                }
            }
        }
        match (failure, done) {
            (Some(error), _) => Err(error),
            (None, true) => Ok(()),
            (None, false) => Err(NetlinkError::NoAnswer),
        }
    }

    /// Which of our chains the table has.
    pub fn chains(&mut self, table: &str) -> Result<Vec<Hook>, NetlinkError> {
        self.dump((Message::GetChain, c::CHAIN_TABLE), table, decode::chain)
    }

    /// To each rule of our chains, where it looks.
    pub fn rules(&mut self, table: &str) -> Result<Vec<Hook>, NetlinkError> {
        self.dump((Message::GetRule, c::RULE_TABLE), table, decode::rule)
    }

    /// Which of our sets the table has.
    pub fn sets(&mut self, table: &str) -> Result<Vec<SeenSet>, NetlinkError> {
        self.dump((Message::GetSet, c::SET_TABLE), table, decode::set)
    }

    /// What our counters in the table have counted.
    pub fn dropped(&mut self, table: &str) -> Result<Vec<Dropped>, NetlinkError> {
        self.dump((Message::GetObj, c::OBJ_TABLE), table, decode::dropped)
    }

    /// All of a kind in one table. Others may have tens of thousands of rules, so the kernel is told which table is meant, by
    /// the attribute of that number; where it tells of others all the same, `pick` leaves them out.
    fn dump<T>(
        &mut self,
        (what, attribute): (Message, u16),
        table: &str,
        pick: impl Fn(&Received<'_>, &str) -> Option<T>,
    ) -> Result<Vec<T>, NetlinkError> {
        for _ in 0..DUMP_ATTEMPTS {
            let mut found = Vec::new();
            let mut request = Writer::default();
            let open = request.inet(what.kind(), c::NLM_F_DUMP);
            request.text(attribute, table);
            request.end_message(&open);
            match self.ask(request, |message| found.extend(pick(message, table))) {
                Ok(true) => return Ok(found),
                Ok(false) => {}
                Err(error) if error.is_missing() => return Ok(Vec::new()),
                Err(error) => return Err(error),
            }
        }
        Err(NetlinkError::NoAnswer)
    }

    /// The number that the table was given when it was created; `None` if there is no such table.
    pub fn table_handle(&mut self, table: &str) -> Result<Option<u64>, NetlinkError> {
        let mut handle = None;
        let mut request = Writer::default();
        let open = request.inet(Message::GetTable.kind(), c::NLM_F_ACK);
        request.text(c::TABLE_NAME, table);
        request.end_message(&open);
        match self.ask(request, |message| {
            handle = handle.or(decode::table_handle(message));
        }) {
            Ok(_) => Ok(handle),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends one request and hears the answer to its end. `false` if changes overtook it.
    fn ask(&mut self, request: Writer, mut each: impl FnMut(&Received<'_>)) -> Result<bool, NetlinkError> {
        self.forget_answers()?;
        self.send(&request.into_bytes())?;
        let mut consistent = true;
        loop {
            let count = self.receive(RecvFlags::empty()).map_err(socket_error)?;
            let mut rest = self.answer.get(..count).unwrap_or_default();
            while let Some((message, after)) = Received::split(rest) {
                rest = after;
                consistent &= message.flags & c::NLM_F_DUMP_INTR == 0;
                match message.kind {
                    c::NLMSG_DONE | c::NLMSG_ERROR => {
                        return refusal(&message, 0).map_or(Ok(consistent), Err);
                    }
                    _ => each(&message),
                }
            }
        }
    }

    fn send(&self, bytes: &[u8]) -> Result<(), NetlinkError> {
        rustix::io::retry_on_intr(|| rustix::net::send(&self.fd, bytes, SendFlags::empty()))
            .map(drop)
            .map_err(socket_error)
    }

    fn receive(&mut self, flags: RecvFlags) -> Result<usize, Errno> {
        let Self { fd, answer } = self;
        rustix::io::retry_on_intr(|| rustix::net::recv(&*fd, answer.as_mut_slice(), flags))
            .map(|(count, _)| count)
    }

    /// An earlier exchange that failed half-way may have left answers behind.
    fn forget_answers(&mut self) -> Result<(), NetlinkError> {
        loop {
            match self.receive(RecvFlags::DONTWAIT) {
                Ok(_) | Err(Errno::NOBUFS) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(errno) => return Err(socket_error(errno)),
            }
        }
    }
}

/// The error that a message tells of, if it is not the nought of an acknowledgement.
fn refusal(message: &Received<'_>, step: usize) -> Option<NetlinkError> {
    let number = u32_at(message.payload, 0)?.cast_signed();
    (number != 0).then(|| NetlinkError::Refused {
        step,
        source: io::Error::from_raw_os_error(number.saturating_neg()),
    })
}
