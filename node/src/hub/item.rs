//! What an item of a hub is called: its kind, and author and name.

use std::fmt;
use std::path::{Component, Path};
use std::str::FromStr;

use anyhow::bail;
use serde::{Deserialize, Serialize};

/// The longest name.
const MAX_NAME: usize = 200;

/// The kinds of items, in the order in which people think of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// A list of other items.
    Collection,
    /// Makes lines events.
    Parser,
    /// Makes events overflows.
    Scenario,
    /// Judges overflows.
    Postoverflow,
    /// Says what alerts show beside; kept, and not read by us.
    Context,
}

/// One item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct ItemRef {
    pub(crate) kind: Kind,
    pub(crate) name: String,
}

/// What a person typed: a name, with its kind if that must be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) kind: Option<Kind>,
    pub(crate) name: String,
}

// === impl Kind ===

impl Kind {
    pub(crate) const ALL: [Self; 5] = [
        Self::Collection,
        Self::Parser,
        Self::Scenario,
        Self::Postoverflow,
        Self::Context,
    ];

    /// The folder of a hub, and the key of an index.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Collection => "collections",
            Self::Parser => "parsers",
            Self::Scenario => "scenarios",
            Self::Postoverflow => "postoverflows",
            Self::Context => "contexts",
        }
    }

    pub(crate) fn from_folder(folder: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.folder() == folder)
    }

    /// Whether the sensor loads it.
    pub(crate) fn is_rule(self) -> bool {
        matches!(self, Self::Parser | Self::Scenario | Self::Postoverflow)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.folder().trim_end_matches('s'))
    }
}

// === impl ItemRef ===

impl fmt::Display for ItemRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

// === impl Wanted ===

impl FromStr for Wanted {
    type Err = anyhow::Error;

    /// `crowdsecurity/sshd`, or `collections:crowdsecurity/sshd` where several kinds share a name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, name) = match text.split_once(':') {
            Some((folder, name)) => match Kind::from_folder(folder) {
                Some(kind) => (Some(kind), name),
                None => bail!(
                    "{folder:?} is no kind of item; allowed are {}",
                    Kind::ALL.map(Kind::folder).join(", ")
                ),
            },
            None => (None, text),
        };
        if name.is_empty() || name.len() > MAX_NAME {
            bail!("{text:?} is no name of an item, such as crowdsecurity/sshd");
        }
        Ok(Self {
            kind,
            name: name.to_owned(),
        })
    }
}

/// Whether a path from outside stays below the directory that it is joined to.
pub(crate) fn is_below(path: &str) -> bool {
    let path = Path::new(path);
    path.components().count() > 0
        && path.as_os_str().len() <= 500
        && path.components().all(|part| match part {
            Component::Normal(name) => !name.as_encoded_bytes().iter().any(u8::is_ascii_control),
            _ => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_with_and_without_their_kind() {
        let wanted: Wanted = "crowdsecurity/sshd".parse().unwrap();
        assert_eq!((wanted.kind, wanted.name.as_str()), (None, "crowdsecurity/sshd"));
        let wanted: Wanted = "scenarios:a/b".parse().unwrap();
        assert_eq!((wanted.kind, wanted.name.as_str()), (Some(Kind::Scenario), "a/b"));
        assert!("appsec:a/b".parse::<Wanted>().is_err());
        assert!("".parse::<Wanted>().is_err());
    }

    #[test]
    fn a_path_from_outside_cannot_leave() {
        for good in ["scenarios/a/b.yaml", "x"] {
            assert!(is_below(good), "{good}");
        }
        for bad in ["", "/etc/passwd", "a/../../b", "..", "a/\u{1b}b", "./a"] {
            assert!(!is_below(bad), "{bad}");
        }
    }
}
