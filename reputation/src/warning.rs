//! Warning lists: who is well known and harmless, or shared by many, whatever anybody says of him.
//!
//! Lists in MISP's format ([`WarningList::read`]) are compiled into one look-up ([`WarningLists`]): a binary search for
//! an address of either family, one look a label for a domain. What a hit means is its [`Class`]. Deliberately absent:
//! files, and any effect on our own sensor's decisions.

mod format;
mod segments;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::HashMap;
use ipnet::IpNet;
use regex::RegexSet;
use vigie_wire::Indicator;

use crate::class::Class;
pub use format::{BadList, MAX_ENTRIES};
use segments::{NONE, Segments, SetId, ends_v4, ends_v6};

/// Lists that are compiled together.
pub const MAX_LISTS: usize = 4_096;

/// The lists that every node has: of our own writing, in the same format.
const BUILTIN: &[(&str, Class)] = &[
    (include_str!("warning/builtin/special.json"), Class::Protected),
    (
        include_str!("warning/builtin/carrier-nat.json"),
        Class::CarrierNat,
    ),
    (include_str!("warning/builtin/resolvers.json"), Class::Resolver),
    (include_str!("warning/builtin/roots.json"), Class::Protected),
];

/// What the lists of MISP's collection are, by the names of their directories, where that is not "protected": the
/// addresses of a cloud are for rent to anybody, and a scanner that says who it is scans all the same.
const KNOWN: &[(&str, Class)] = &[
    ("akamai", Class::Cdn),
    ("alibaba-cloud", Class::Hosting),
    ("amazon-aws", Class::Hosting),
    ("bunny-net", Class::Cdn),
    ("cachefly", Class::Cdn),
    ("cdn77", Class::Cdn),
    ("cloudflare", Class::Cdn),
    ("coreweave", Class::Hosting),
    ("digitalocean", Class::Hosting),
    ("fastly", Class::Cdn),
    ("gcore", Class::Cdn),
    ("godaddy", Class::Hosting),
    ("google-gcp", Class::Hosting),
    ("hetzner", Class::Hosting),
    ("huawei-cloud", Class::Hosting),
    ("ibm-cloud", Class::Hosting),
    ("icloud-private-relay", Class::SharedEgress),
    ("imperva", Class::Cdn),
    ("linode", Class::Hosting),
    ("microsoft-azure", Class::Hosting),
    ("microsoft-azure-appid", Class::Hosting),
    ("oracle-cloud", Class::Hosting),
    ("ovh-cluster", Class::Hosting),
    ("public-dns-hostname", Class::Resolver),
    ("public-dns-v4", Class::Resolver),
    ("public-dns-v6", Class::Resolver),
    ("rfc6598", Class::CarrierNat),
    ("vpn-ipv4", Class::SharedEgress),
    ("vpn-ipv6", Class::SharedEgress),
    ("zscaler", Class::SharedEgress),
];

/// One list, read.
#[derive(Clone, Debug)]
pub struct WarningList {
    name: Box<str>,
    class: Class,
    nets: Vec<IpNet>,
    hosts: Vec<Box<str>>,
    texts: Vec<Box<str>>,
    patterns: Option<RegexSet>,
}

/// One list that names a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit<'a> {
    /// The list's name.
    pub list: &'a str,
    /// What it says of the subject.
    pub class: Class,
}

/// All lists, compiled.
#[derive(Clone, Debug)]
pub struct WarningLists {
    /// Name, class and number of entries of each.
    lists: Vec<(Box<str>, Class, usize)>,
    sets: Sets,
    v4: Segments<u32>,
    v6: Segments<u128>,
    /// Names that hold for everything below them, and texts that hold for themselves only.
    hosts: HashMap<Box<str>, SetId>,
    texts: HashMap<Box<str>, SetId>,
    patterns: Vec<(u16, RegexSet)>,
}

/// Sets of lists, each once.
#[derive(Clone, Debug)]
struct Sets {
    members: Vec<Box<[u16]>>,
    classes: Vec<Class>,
    known: HashMap<Box<[u16]>, SetId>,
}

// === impl WarningList ===

impl WarningList {
    /// Reads a list in MISP's format. Entries that no sighting can name (mail addresses, file names) are passed over.
    ///
    /// # Errors
    /// The place and the reason: no JSON, a missing field, an entry that is not what `type` says, or a bound exceeded.
    pub fn read(text: &[u8], class: Class) -> Result<Self, BadList> {
        format::read(text, class)
    }

    /// What the addresses of a list in MISP's collection are, by the name of its directory. What is not known here is
    /// protected; lists of scanners protect nobody.
    pub fn usual_class(directory: &str) -> Class {
        if directory.ends_with("scanning") || directory.ends_with("_Scanning") {
            return Class::Ordinary;
        }
        let known = KNOWN.iter().find(|(name, _)| *name == directory);
        known.map_or(Class::Protected, |(_, class)| *class)
    }

    /// The lists that every node has: special-purpose networks, carrier NAT, well-known resolvers, root name servers.
    pub fn builtin() -> Vec<Arc<Self>> {
        let lists = BUILTIN
            .iter()
            .filter_map(|(text, class)| Self::read(text.as_bytes(), *class).ok());
        lists.map(Arc::new).collect()
    }

    /// As the list calls itself.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many entries count.
    pub fn entries(&self) -> usize {
        self.nets.len()
            + self.hosts.len()
            + self.texts.len()
            + self.patterns.as_ref().map_or(0, RegexSet::len)
    }
}

// === impl WarningLists ===

impl WarningLists {
    /// Compiles lists; those beyond [`MAX_LISTS`] are left out. Costs a sort of all entries.
    pub fn compile(lists: &[Arc<WarningList>]) -> Self {
        let mut sets = Sets::new();
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        let (mut hosts, mut texts) = (HashMap::new(), HashMap::new());
        let mut patterns = Vec::new();
        let numbered = || (0..u16::MAX).zip(lists.iter().take(MAX_LISTS));
        for (number, list) in numbered() {
            for net in &list.nets {
                match net {
                    IpNet::V4(net) => {
                        let (first, last) = ends_v4(*net);
                        v4.push((first, last, number));
                    }
                    IpNet::V6(net) => {
                        let (first, last) = ends_v6(*net);
                        v6.push((first, last, number));
                    }
                }
            }
            for (names, into) in [(&list.hosts, &mut hosts), (&list.texts, &mut texts)] {
                for name in names {
                    let set = into.entry(name.clone()).or_insert(NONE);
                    *set = sets.with(*set, number, lists);
                }
            }
            patterns.extend(list.patterns.clone().map(|patterns| (number, patterns)));
        }
        Self {
            lists: numbered()
                .map(|(_, list)| (list.name.clone(), list.class, list.entries()))
                .collect(),
            v4: Segments::build(v4, |set, number| sets.with(set, number, lists)),
            v6: Segments::build(v6, |set, number| sets.with(set, number, lists)),
            sets,
            hosts,
            texts,
            patterns,
        }
    }

    /// What the lists say of a subject: of several the class with the softest action. Of a network: of anything in it.
    pub fn class(&self, subject: &Indicator) -> Class {
        let mut found = Class::Ordinary;
        self.each(subject, |set| found = found.max(self.sets.class(set)));
        if let Some(text) = self.text_of(subject) {
            for list in self.matching(&text) {
                found = found.max(
                    self.lists
                        .get(usize::from(list))
                        .map_or(Class::Ordinary, |(_, class, _)| *class),
                );
            }
        }
        found
    }

    /// The lists that name a subject, each once.
    pub fn hits(&self, subject: &Indicator) -> Vec<Hit<'_>> {
        let mut numbers = Vec::new();
        self.each(subject, |set| numbers.extend_from_slice(self.sets.members(set)));
        if let Some(text) = self.text_of(subject) {
            numbers.extend(self.matching(&text));
        }
        numbers.sort_unstable();
        numbers.dedup();
        let hit = |number: u16| {
            let (name, class, _) = self.lists.get(usize::from(number))?;
            Some(Hit {
                list: name,
                class: *class,
            })
        };
        numbers.into_iter().filter_map(hit).collect()
    }

    /// How many lists there are.
    pub fn len(&self) -> usize {
        self.lists.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// How many entries they have together.
    pub fn entries(&self) -> usize {
        self.lists.iter().map(|(.., entries)| entries).sum()
    }

    /// Calls `found` with every set of lists that an address, a network, or a name and what is above it belong to.
    fn each(&self, subject: &Indicator, mut found: impl FnMut(SetId)) {
        match subject {
            Indicator::Ip(ip) => match ip.to_canonical() {
                IpAddr::V4(v4) => found(self.v4.get(v4.to_bits())),
                IpAddr::V6(v6) => found(self.v6.get(v6.to_bits())),
            },
            Indicator::Range(IpNet::V4(net)) => {
                let (first, last) = ends_v4(*net);
                self.v4.between(first, last).for_each(found);
            }
            Indicator::Range(IpNet::V6(net)) => {
                let (first, last) = ends_v6(*net);
                self.v6.between(first, last).for_each(found);
            }
            Indicator::Url(_) | Indicator::Domain(_) | Indicator::Sha256(_) | Indicator::Asn(_) => {
                let Some(text) = self.text_of(subject) else { return };
                found(self.texts.get(&*text).copied().unwrap_or(NONE));
                let host = match subject {
                    Indicator::Url(_) => host_of(&text),
                    Indicator::Domain(_) => &text,
                    _ => return,
                };
                if host != text {
                    found(self.texts.get(host).copied().unwrap_or(NONE));
                }
                let mut rest = Some(host);
                while let Some(name) = rest {
                    found(self.hosts.get(name).copied().unwrap_or(NONE));
                    rest = name.split_once('.').map(|(_, above)| above);
                }
            }
            Indicator::Unknown { .. } => {}
        }
    }

    fn text_of<'a>(&self, subject: &'a Indicator) -> Option<Cow<'a, str>> {
        if self.texts.is_empty() && self.hosts.is_empty() && self.patterns.is_empty() {
            return None;
        }
        match subject {
            Indicator::Domain(text) | Indicator::Url(text) => Some(Cow::Owned(text.to_lowercase())),
            Indicator::Sha256(_) | Indicator::Asn(_) => Some(Cow::Owned(subject.to_string().to_lowercase())),
            Indicator::Ip(_) | Indicator::Range(_) | Indicator::Unknown { .. } => None,
        }
    }

    fn matching(&self, text: &str) -> impl Iterator<Item = u16> {
        let matches = self
            .patterns
            .iter()
            .filter(move |(_, patterns)| patterns.is_match(text));
        matches.map(|(number, _)| *number)
    }
}

// === impl Sets ===

impl Sets {
    fn new() -> Self {
        Self {
            members: vec![Box::default()],
            classes: vec![Class::Ordinary],
            known: HashMap::new(),
        }
    }

    /// The set with one list more.
    fn with(&mut self, set: SetId, number: u16, lists: &[Arc<WarningList>]) -> SetId {
        let mut members = self.members(set).to_vec();
        match members.binary_search(&number) {
            Ok(_) => return set,
            Err(place) => members.insert(place, number),
        }
        let members: Box<[u16]> = members.into();
        if let Some(known) = self.known.get(&members) {
            return *known;
        }
        let added = lists
            .get(usize::from(number))
            .map_or(Class::Ordinary, |list| list.class);
        let id = SetId::try_from(self.members.len()).unwrap_or(NONE);
        self.classes.push(self.class(set).max(added));
        self.members.push(members.clone());
        self.known.insert(members, id);
        id
    }

    fn members(&self, set: SetId) -> &[u16] {
        let place = usize::try_from(set).unwrap_or(0);
        self.members.get(place).map_or(&[], |members| members)
    }

    fn class(&self, set: SetId) -> Class {
        let place = usize::try_from(set).unwrap_or(0);
        self.classes.get(place).copied().unwrap_or_default()
    }
}

/// The host of a URL.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let place = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let place = place.rsplit('@').next().unwrap_or_default();
    place.split(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
