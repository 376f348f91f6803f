//! Carries transactions out: in the kernel, or on paper for `--dry-run`. Before: [`crate::plan`]. The last stop.

use std::io::Write as _;

use vigie_bouncer_client::Moment;
use vigie_bouncer_client::pulse::Dropped;

use crate::layout::Found;
use crate::netlink::{NetlinkError, Socket, encode};
use crate::plan::Mirror;
use crate::text::render;
use crate::transaction::{Set, Transaction};

/// Where transactions go.
#[derive(Debug)]
pub enum Backend {
    /// The kernel of this network namespace.
    Kernel(Socket),
    /// Standard output. The kernel is looked at where we may, to go on from what it has.
    Print(Option<Socket>),
}

// === impl Backend ===

impl Backend {
    /// Opens the way to the kernel, or to paper.
    pub fn open(dry_run: bool) -> Result<Self, NetlinkError> {
        if dry_run {
            Ok(Self::Print(Socket::open().ok()))
        } else {
            Socket::open().map(Self::Kernel)
        }
    }

    /// Carries out one transaction: all of it, or nothing and an error.
    pub fn apply(&mut self, transaction: &Transaction, table: &str, now: Moment) -> Result<(), NetlinkError> {
        match self {
            Self::Kernel(socket) => socket.transact(&encode::batch(transaction, table, now)),
            Self::Print(_) => {
                let text = render(transaction, table, now);
                let mut out = std::io::stdout().lock();
                writeln!(out, "# one transaction\n{text}").map_err(NetlinkError::Socket)
            }
        }
    }

    /// What the kernel has of ours. On paper it is only looked at; without the right to, it counts as empty.
    pub fn find(&mut self, table: &str) -> Result<Found, NetlinkError> {
        match self {
            Self::Kernel(socket) => find(socket, table),
            Self::Print(socket) => {
                let seen = socket.as_mut().and_then(|socket| find(socket, table).ok());
                Ok(seen.unwrap_or_default())
            }
        }
    }

    /// The number of our table, which changes when somebody removes it and we create it anew.
    pub fn table_handle(&mut self, table: &str) -> Result<Option<u64>, NetlinkError> {
        match self {
            Self::Kernel(socket) => socket.table_handle(table),
            Self::Print(_) => Ok(None),
        }
    }

    /// What our counters have counted. On paper nothing is dropped.
    pub fn dropped(&mut self, table: &str) -> Result<Vec<Dropped>, NetlinkError> {
        match self {
            Self::Kernel(socket) => socket.dropped(table),
            Self::Print(_) => Ok(Vec::new()),
        }
    }

    /// Whether our chains have so many rules. What is on paper stays there.
    pub fn has_rules(&mut self, count: usize, table: &str) -> Result<bool, NetlinkError> {
        match self {
            Self::Kernel(socket) => Ok(socket.rules(table)?.len() == count),
            Self::Print(_) => Ok(true),
        }
    }

    /// Whether the sets of the mirror are there with as many elements as they must have by now, where the kernel tells.
    /// What is on paper stays there.
    pub fn holds(&mut self, mirror: &Mirror, table: &str, now: Moment) -> Result<bool, NetlinkError> {
        let Self::Kernel(socket) = self else {
            return Ok(true);
        };
        let seen = socket.sets(table)?;
        let is_full = |set: Set| {
            let enough =
                |count| usize::try_from(count).is_ok_and(|count| count >= mirror.live(set.kind, now));
            let same = seen.iter().find(|seen| seen.set == set);
            same.is_some_and(|seen| seen.elements.is_none_or(enough))
        };
        Ok(mirror.generation().sets().into_iter().all(is_full))
    }
}

fn find(socket: &mut Socket, table: &str) -> Result<Found, NetlinkError> {
    let sets = socket.sets(table)?;
    Ok(Found {
        chains: socket.chains(table)?,
        sets: sets.into_iter().map(|seen| seen.set).collect(),
    })
}
