//! What happens to whom, as a worker of nginx looks it up: a sorted list of networks, searched once a request. Pure.
//!
//! Single addresses are networks of full length. Each row knows the row around it, so one short search and a few steps
//! outwards find all that hold an address; the strongest word that is not over counts. Not the narrowest: a page to
//! solve must be no way out of a banned range. No allocation, no panic whatever the address. Deliberately absent: the
//! time, which comes in, and the file, which is [`form`]'s.

pub mod form;
mod rows;

use std::net::IpAddr;

use rows::Rows;
use vigie_bouncer_origin::Origin;

/// What happens to a client, the stronger word behind the weaker. Its number stands for it in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Remediation {
    /// Let in, but not as often as it likes.
    Throttle = 1,
    /// Let in once its browser has worked for it.
    Challenge = 2,
    /// Kept out.
    Ban = 3,
    /// Let in whatever else is said: the local allowlist.
    Pass = 4,
}

/// All that is said of one client at one time, and by whom. A bit for each word, and behind them four bits each for who
/// said it: the narrowest network's origin, where several say the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Words(u32);

// Sixteen of them, and four words behind the lowest eight bits.
const _: () = assert!(Origin::ALL.len() <= 16 && Remediation::Pass as u32 <= 5);

/// One row: a network, what happens to it, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The network's first address; bits behind the prefix do not count.
    pub address: IpAddr,
    /// Length of the prefix: 32 or 128 is a single address.
    pub prefix: u8,
    /// What happens to it.
    pub remediation: Remediation,
    /// The second ([`crate::clock`]) at which it is over.
    pub until: u32,
    /// Who decided.
    pub origin: Origin,
}

/// The table of one worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    v4: Rows<u32>,
    v6: Rows<u128>,
}

// === impl Remediation ===

impl Remediation {
    /// All of them, the weakest first.
    pub const ALL: [Self; 4] = [Self::Throttle, Self::Challenge, Self::Ban, Self::Pass];

    fn of(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|word| *word as u8 == code)
    }

    /// The word for logs and configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Throttle => "throttle",
            Self::Challenge => "challenge",
            Self::Ban => "ban",
            Self::Pass => "pass",
        }
    }
}

// === impl Words ===

impl Words {
    /// What happens to the client.
    #[inline]
    pub fn strongest(self) -> Option<Remediation> {
        if self.0 == 0 {
            // As nearly always.
            return None;
        }
        Remediation::ALL.into_iter().rev().find(|word| self.hold(*word))
    }

    /// Whether this is one of them.
    pub const fn hold(self, word: Remediation) -> bool {
        self.0 & 1 << word as u8 != 0
    }

    /// Whether there is a limit to how often he is let in. To have been challenged as well takes none away.
    pub const fn throttle(self) -> bool {
        self.hold(Remediation::Throttle) && !self.hold(Remediation::Ban) && !self.hold(Remediation::Pass)
    }

    /// Who said this word, if anybody did.
    pub fn origin(self, word: Remediation) -> Option<Origin> {
        let number = self.0 >> Self::place(word) & 0xf;
        self.hold(word)
            .then(|| u8::try_from(number).ok().and_then(Origin::numbered))?
    }

    /// Apart from the search, which finds nothing for nearly everybody.
    #[cold]
    #[inline(never)]
    #[must_use]
    const fn and(self, word: Remediation, origin: Origin) -> Self {
        if self.hold(word) {
            return self;
        }
        Self(self.0 | 1 << word as u8 | (origin as u32) << Self::place(word))
    }

    /// Where the origin of a word begins.
    const fn place(word: Remediation) -> u32 {
        8 + 4 * (word as u32)
    }
}

// === impl Table ===

impl Table {
    /// The words of all networks around this client that are not over at second `now`, which nobody asks for if there
    /// is none. An IPv4 address that came in IPv6's clothes is looked up as what it is.
    pub fn look_up(&self, address: IpAddr, now: impl Fn() -> u32) -> Words {
        match address.to_canonical() {
            IpAddr::V4(v4) => self.v4.look_up(v4.to_bits(), now),
            IpAddr::V6(v6) => self.v6.look_up(v6.to_bits(), now),
        }
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.v4.len().saturating_add(self.v6.len())
    }

    /// Whether it says nothing about anybody.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests;
