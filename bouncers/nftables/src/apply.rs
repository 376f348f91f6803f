//! Carries transactions out: in the kernel, or on paper for `--dry-run`. Before: [`crate::plan`]. The last stop.

use std::collections::HashSet;
use std::io::Write as _;

use vigie_bouncer_client::Moment;

use crate::netlink::{NetlinkError, Socket, encode};
use crate::plan::Mirror;
use crate::text::render;
use crate::transaction::{Hook, Set, Transaction};

/// Where transactions go.
#[derive(Debug)]
pub enum Backend {
    /// The kernel of this network namespace.
    Kernel(Socket),
    /// Standard output. The kernel is read where we may, to show what would be different.
    Print(Option<Socket>),
}

/// What the kernel holds of ours.
#[derive(Debug, Default)]
pub struct Held {
    /// The elements of our sets.
    pub mirror: Mirror,
    /// Our chains.
    pub chains: Vec<Hook>,
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

    /// Reads what the kernel holds.
    pub fn read(&mut self, table: &str, now: Moment) -> Result<Held, NetlinkError> {
        match self {
            Self::Kernel(socket) => read(socket, table, now),
            // On paper the kernel is only looked at; without the right to, it counts as empty.
            Self::Print(socket) => {
                let seen = socket.as_mut().and_then(|socket| read(socket, table, now).ok());
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
}

fn read(socket: &mut Socket, table: &str, now: Moment) -> Result<Held, NetlinkError> {
    let mut mirror = Mirror::default();
    for set in Set::ALL {
        let mut seen = HashSet::new();
        for element in socket.elements(table, set, now)? {
            // A dump of a hash that grows meanwhile may show an element twice.
            if !set.is_interval() || seen.insert(element.first) {
                mirror.insert(set, &element);
            }
        }
    }
    Ok(Held {
        mirror,
        chains: socket.chains(table)?,
    })
}
