//! One warning list in the format of MISP: a JSON object with `name`, `type`, `matching_attributes` and `list`.
//!
//! Source: the schema and README of github.com/MISP/misp-warninglists. The text is read twice: what an entry means
//! depends on `type` and `matching_attributes`, which stand behind the entries in most files. So a wrong entry is told
//! with its own line. Deliberately absent: files and directories, which are the node's.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use regex::{RegexSet, RegexSetBuilder};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::WarningList;
use crate::class::Class;

/// Entries of one list.
pub const MAX_ENTRIES: usize = 1_000_000;
/// Bytes of one entry, of a name and of a description.
const MAX_TEXT: usize = 2_048;
/// Entries of a list that are patterns or parts of texts.
const MAX_PATTERNS: usize = 10_000;
/// Bytes that the patterns of one list may compile to.
const MAX_COMPILED: usize = 16 << 20;

/// Why a list is refused, and where in its text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct BadList {
    /// Counted from one.
    pub line: usize,
    /// Counted from one.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}

/// What entries are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    String,
    Substring,
    Hostname,
    Cidr,
    Regex,
}

/// The object without its entries.
#[derive(Deserialize)]
struct Head {
    name: String,
    #[serde(default, rename = "type")]
    kind: Kind,
    #[serde(default)]
    matching_attributes: Vec<String>,
    #[serde(rename = "list")]
    _list: IgnoredAny,
}

/// What the list is for, as far as a sighting can name it.
#[derive(Clone, Copy)]
struct Applies {
    addresses: bool,
    /// Domains, URLs, hashes, systems.
    texts: bool,
}

/// The entries while they are read.
struct Entries {
    kind: Kind,
    applies: Applies,
    list: WarningList,
    patterns: Vec<String>,
}

/// Reads a list. `class` is what its addresses are.
pub(super) fn read(text: &[u8], class: Class) -> Result<WarningList, BadList> {
    let head: Head = serde_json::from_slice(text).map_err(|error| placed(&error))?;
    if head.name.trim().is_empty() || head.name.len() > MAX_TEXT {
        return Err(nowhere(format!("a list's name has 1 to {MAX_TEXT} bytes")));
    }
    let mut entries = Entries {
        kind: head.kind,
        applies: Applies::of(&head.matching_attributes),
        list: WarningList {
            name: head.name.trim().into(),
            class,
            nets: Vec::new(),
            hosts: Vec::new(),
            texts: Vec::new(),
            patterns: None,
        },
        patterns: Vec::new(),
    };
    let mut reader = serde_json::Deserializer::from_slice(text);
    Object(&mut entries)
        .deserialize(&mut reader)
        .map_err(|error| placed(&error))?;
    if !entries.patterns.is_empty() {
        entries.list.patterns = Some(compile(&entries.patterns)?);
    }
    Ok(entries.list)
}

fn compile(patterns: &[String]) -> Result<RegexSet, BadList> {
    RegexSetBuilder::new(patterns)
        .case_insensitive(true)
        .size_limit(MAX_COMPILED)
        .dfa_size_limit(MAX_COMPILED)
        .build()
        .map_err(|error| {
            nowhere(format!(
                "the patterns of this list cannot be compiled together: {error}"
            ))
        })
}

// === impl Applies ===

impl Applies {
    fn of(attributes: &[String]) -> Self {
        let any = |of: &[&str]| {
            let names = |attribute: &String| {
                attribute
                    .split('|')
                    .any(|part| of.iter().any(|one| part.eq_ignore_ascii_case(one)))
            };
            attributes.is_empty() || attributes.iter().any(names)
        };
        Self {
            addresses: any(&["ip-src", "ip-dst", "ip"]),
            texts: any(&["domain", "hostname", "url", "uri", "link", "sha256", "AS"]),
        }
    }
}

// === impl Entries ===

impl Entries {
    fn take(&mut self, entry: &str) -> Result<(), String> {
        let entry = entry.trim();
        if entry.is_empty() || entry.len() > MAX_TEXT {
            return Err(format!("an entry has 1 to {MAX_TEXT} bytes"));
        }
        match self.kind {
            Kind::Cidr => {
                let net = network(entry).ok_or_else(|| {
                    format!("{entry:?} is neither an address nor a network such as 192.0.2.0/24")
                })?;
                if net.prefix_len() == 0 {
                    return Err(format!(
                        "{net} holds every address: nothing would be acted upon any more"
                    ));
                }
                if self.applies.addresses {
                    self.list.nets.push(net);
                }
            }
            Kind::String => match network(entry).filter(|net| net.prefix_len() > 0) {
                Some(net) if self.applies.addresses => self.list.nets.push(net),
                None if self.applies.texts => self.list.texts.push(entry.to_lowercase().into()),
                _ => {}
            },
            Kind::Hostname if self.applies.texts => {
                let host = entry.trim_start_matches("*.").trim_matches('.').to_lowercase();
                if host.is_empty() {
                    return Err(format!("{entry:?} is no host's name"));
                }
                self.list.hosts.push(host.into());
            }
            Kind::Substring if self.applies.texts => self.pattern(regex::escape(entry))?,
            Kind::Regex if self.applies.texts => {
                let pattern = bare(entry);
                if let Err(error) = regex::Regex::new(&pattern) {
                    let why = error.to_string();
                    let why = why.lines().last().unwrap_or_default();
                    return Err(format!("{entry:?} is no pattern that can be used here: {why}"));
                }
                self.pattern(pattern.into_owned())?;
            }
            Kind::Hostname | Kind::Substring | Kind::Regex => {}
        }
        if self.list.entries() >= MAX_ENTRIES {
            return Err(format!("a list has {MAX_ENTRIES} entries at most"));
        }
        Ok(())
    }

    fn pattern(&mut self, pattern: String) -> Result<(), String> {
        if self.patterns.len() >= MAX_PATTERNS {
            return Err(format!("a list has {MAX_PATTERNS} patterns at most"));
        }
        self.patterns.push(pattern);
        Ok(())
    }
}

/// A pattern without the slashes and flags around it that PCRE wants.
fn bare(entry: &str) -> Cow<'_, str> {
    let inside = entry.strip_prefix('/').and_then(|rest| rest.rsplit_once('/'));
    match inside {
        Some((pattern, flags)) if flags.chars().all(|flag| flag.is_ascii_lowercase()) => {
            Cow::Owned(pattern.replace("\\/", "/"))
        }
        _ => Cow::Borrowed(entry),
    }
}

/// A network or one address; an IPv4 address inside IPv6 is meant as what it is.
fn network(text: &str) -> Option<IpNet> {
    let net: IpNet = match text.parse() {
        Ok(net) => net,
        Err(_) => text.parse::<IpAddr>().ok()?.into(),
    };
    if let IpNet::V6(v6) = net
        && let (Some(v4), Some(length)) = (v6.addr().to_ipv4_mapped(), net.prefix_len().checked_sub(96))
    {
        return Some(IpNet::new(v4.into(), length).ok()?.trunc());
    }
    Some(net.trunc())
}

// === the second reading ===

struct Object<'a>(&'a mut Entries);
struct List<'a>(&'a mut Entries);
struct One<'a>(&'a mut Entries);

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a warning list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            if key == "list" {
                map.next_value_seed(List(&mut *self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while entries.next_element_seed(One(&mut *self.0))?.is_some() {}
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for One<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for One<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entry, which is a text")
    }

    fn visit_str<E: Error>(self, entry: &str) -> Result<(), E> {
        self.0.take(entry).map_err(E::custom)
    }
}

fn placed(error: &serde_json::Error) -> BadList {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let place = format!(" at line {line} column {column}");
    BadList {
        line,
        column,
        message: text.strip_suffix(&place).unwrap_or(&text).to_owned(),
    }
}

fn nowhere(message: String) -> BadList {
    BadList {
        line: 1,
        column: 1,
        message,
    }
}
