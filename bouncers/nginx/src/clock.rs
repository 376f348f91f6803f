//! The clock that the ends of bans are told by, the same for the daemon and for every worker of this machine.
//!
//! Seconds since boot, sleep included: nobody can set it, and nobody is kept out longer because a machine slept. It
//! means nothing after the next boot, so a table also names the boot it was written in.

/// Which boot of the machine this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boot(pub [u8; 16]);

/// Whole seconds since boot. The module asks the same clock through libc: rustix reads the process's auxiliary vector for
/// itself, which kills it under valgrind.
#[cfg(feature = "daemon")]
pub fn seconds() -> u32 {
    u32::try_from(vigie_bouncer_client::since_boot().as_secs()).unwrap_or(u32::MAX)
}

// === impl Boot ===

impl Boot {
    /// The present boot, as Linux tells it.
    pub fn current() -> std::io::Result<Self> {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
        Self::parse(&text).ok_or_else(|| std::io::Error::other("boot_id is no UUID"))
    }

    fn parse(text: &str) -> Option<Self> {
        let digits: String = text.trim().chars().filter(|digit| *digit != '-').collect();
        let whole = digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = u128::from_str_radix(&digits, 16).ok().filter(|_| whole)?;
        Some(Self(number.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_boot_has_a_name() {
        assert_eq!(Boot::current().unwrap(), Boot::current().unwrap());
        assert_eq!(
            Boot::parse("00000000-0000-0000-0000-0000000000ff\n").unwrap().0[15],
            255
        );
        for wrong in ["", "ff", "é", "+0000000-0000-0000-0000-0000000000ff"] {
            assert_eq!(Boot::parse(wrong), None, "{wrong}");
        }
    }
}
