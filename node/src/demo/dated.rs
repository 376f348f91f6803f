//! A line of a syslog without its date, so that it can be told again with another one.

use std::net::Ipv4Addr;

use vigie_wire::Timestamp;

/// One line: everything behind the date, and the form that the date had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dated {
    form: Form,
    /// From the host's name on.
    rest: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `Dec 10 06:55:46`
    Traditional,
    /// `2026-12-10T06:55:46.000000+00:00`
    Rfc3339,
}

/// Characters of a traditional date.
const TRADITIONAL: usize = "Dec 10 06:55:46".len();

// === impl Dated ===

impl Dated {
    /// A line that sshd wrote, with a date that we know how to replace.
    pub(crate) fn sshd(line: &str) -> Option<Self> {
        Self::parse(line).filter(|line| {
            line.rest
                .split(' ')
                .nth(1)
                .is_some_and(|who| who.starts_with("sshd["))
        })
    }

    /// Any line with such a date.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        if let Some((date, rest)) = line.split_at_checked(TRADITIONAL)
            && jiff::fmt::strtime::parse("%b %e %H:%M:%S", date).is_ok()
        {
            return Some(Self {
                form: Form::Traditional,
                rest: rest.strip_prefix(' ')?.to_owned(),
            });
        }
        let (date, rest) = line.split_once(' ')?;
        date.parse::<jiff::Timestamp>().ok()?;
        Some(Self {
            form: Form::Rfc3339,
            rest: rest.to_owned(),
        })
    }

    /// The line again, as if written at that time, in UTC, with its end.
    pub(crate) fn told_at(&self, at: Timestamp) -> String {
        let time = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
        let form = match self.form {
            Form::Traditional => "%b %e %H:%M:%S",
            Form::Rfc3339 => "%Y-%m-%dT%H:%M:%S.%6f+00:00",
        };
        format!("{} {}\n", time.strftime(form), self.rest)
    }

    /// What the program said.
    pub(crate) fn message(&self) -> &str {
        self.rest.split_once("]: ").map_or("", |(_, message)| message)
    }

    /// The program with its process number: one connection to sshd.
    pub(crate) fn session(&self) -> &str {
        self.rest.split(' ').nth(1).unwrap_or_default()
    }

    /// The IPv4 addresses that it names.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = Ipv4Addr> + '_ {
        let parts = self.message().split(|c: char| !c.is_ascii_digit() && c != '.');
        parts.filter_map(|word| word.trim_matches('.').parse().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_secs(1_790_000_000);

    fn check(line: &str, again: &str) {
        assert_eq!(
            Dated::parse(line).map(|line| line.told_at(AT)),
            Some(format!("{again}\n")),
            "{line}"
        );
    }

    #[test]
    fn only_the_date_changes() {
        check(
            "Dec 10 06:55:46 LabSZ sshd[24200]: Invalid user x",
            "Sep 21 14:13:20 LabSZ sshd[24200]: Invalid user x",
        );
        check(
            "Mar  9 06:55:46 h sshd[1]: x  y ",
            "Sep 21 14:13:20 h sshd[1]: x  y ",
        );
        check(
            "2024-03-09T06:55:46.123456+02:00 h sshd[1]: x",
            "2026-09-21T14:13:20.000000+00:00 h sshd[1]: x",
        );
        for wrong in [
            "",
            "sshd[1]: x",
            "Foo 10 06:55:46 h sshd[1]: x",
            "Dec 10 06:55:46é",
            "Dec 10 06:55:46",
        ] {
            assert_eq!(Dated::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn who_is_named_in_which_session() {
        let line = Dated::sshd("Dec 10 06:55:46 h sshd[7]: reverse of a.5.6.7.example [192.88.99.1] failed.")
            .unwrap();
        assert_eq!(
            line.addresses().collect::<Vec<_>>(),
            [Ipv4Addr::new(192, 88, 99, 1)]
        );
        assert_eq!(line.session(), "sshd[7]:");
        assert!(line.message().starts_with("reverse"));
        assert_eq!(Dated::sshd("Dec 10 06:55:46 h CRON[7]: x"), None);
    }
}
