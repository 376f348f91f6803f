//! What this observer knows of each organisation that ever spoke: its standing, its record, its groups.
//!
//! Deliberately absent: what it said, which stands with the subjects.

mod purse;
mod record;

use hashbrown::HashMap;
use vigie_wire::{OrgId, PublisherId, Timestamp};

use crate::graph::{Labels, TrustGraph};
use crate::partition::Group;
use crate::report::ReportRefused;

pub(crate) use purse::Purse;
pub(crate) use record::{Record, Refutation};

/// Node keys followed per organisation.
const MAX_KEYS: usize = 255;

/// A reporter's number, dense, for this process only.
pub(crate) type ReporterIndex = u32;
/// A group's number, dense, for this process only.
pub(crate) type GroupIndex = u32;

/// The group of all whom no anchor reaches.
pub(crate) const UNANCHORED: GroupIndex = 0;
/// The group of all whose voucher attests nothing.
pub(crate) const UNKNOWN: GroupIndex = 1;
/// The group of all that were struck.
pub(crate) const STRUCK: GroupIndex = 2;

/// One organisation.
#[derive(Clone, Debug)]
pub(crate) struct Reporter {
    pub(crate) org: OrgId,
    pub(crate) record: Record,
    pub(crate) anchor: bool,
    /// What is spent of what gold confirmed of it.
    pub(crate) purse: Purse,
    /// The same once more, spent by those who follow it.
    pub(crate) lends: Purse,
    /// Subjects that only it names.
    pub(crate) sole: u32,
    pub(crate) voucher: GroupIndex,
    through: GroupIndex,
    pub(crate) operator: GroupIndex,
    pub(crate) country: GroupIndex,
    pub(crate) asn: GroupIndex,
    cluster: GroupIndex,
    learned_cluster: Option<u64>,
    keys: Vec<PublisherId>,
}

/// Every organisation that ever spoke, bounded.
#[derive(Clone, Debug)]
pub(crate) struct Reporters {
    list: Vec<Reporter>,
    /// The voucher groups once more, close together: a crowded subject asks for many at once.
    vouchers: Vec<GroupIndex>,
    by_org: HashMap<OrgId, ReporterIndex>,
    groups: Vec<Group>,
    by_group: HashMap<Group, GroupIndex>,
    max: usize,
}

// === impl Reporters ===

impl Reporters {
    pub(crate) fn new(max: usize) -> Self {
        let mut reporters = Self {
            list: Vec::new(),
            vouchers: Vec::new(),
            by_org: HashMap::new(),
            groups: Vec::new(),
            by_group: HashMap::new(),
            max,
        };
        // In the order of the three constants above.
        for group in [Group::Unanchored, Group::Unknown, Group::Struck] {
            reporters.number(group);
        }
        reporters
    }

    pub(crate) fn get(&self, index: ReporterIndex) -> Option<&Reporter> {
        self.list.get(usize::try_from(index).ok()?)
    }

    pub(crate) fn get_mut(&mut self, index: ReporterIndex) -> Option<&mut Reporter> {
        self.list.get_mut(usize::try_from(index).ok()?)
    }

    /// The voucher group of a reporter.
    pub(crate) fn voucher(&self, index: ReporterIndex) -> GroupIndex {
        let known = usize::try_from(index)
            .ok()
            .and_then(|index| self.vouchers.get(index));
        known.copied().unwrap_or(UNANCHORED)
    }

    pub(crate) fn find(&self, org: OrgId) -> Option<ReporterIndex> {
        self.by_org.get(&org).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Reporter> {
        self.list.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn group(&self, index: GroupIndex) -> Group {
        usize::try_from(index)
            .ok()
            .and_then(|index| self.groups.get(index))
            .copied()
            .unwrap_or(Group::Unknown)
    }

    /// The number of a member; a new one if he has not spoken before.
    pub(crate) fn enrol(&mut self, org: OrgId, graph: &TrustGraph) -> Result<ReporterIndex, ReportRefused> {
        // Who has spoken before was placed then, and is placed anew with every new graph.
        if let Some(index) = self.find(org)
            && self.get(index).is_some_and(|known| known.record.is_member())
        {
            return Ok(index);
        }
        if graph.place(org).is_none() {
            return Err(ReportRefused::NotAMember);
        }
        self.enrol_anybody(org, graph)
            .ok_or(ReportRefused::TooManyReporters)
    }

    /// The same for who may have left meanwhile: a record is kept, or leaving and coming back would clear it.
    pub(crate) fn enrol_anybody(&mut self, org: OrgId, graph: &TrustGraph) -> Option<ReporterIndex> {
        if let Some(index) = self.find(org) {
            return Some(index);
        }
        if self.list.len() >= self.max {
            return None;
        }
        let index = u32::try_from(self.list.len()).ok()?;
        self.list.push(Reporter::unplaced(org));
        self.vouchers.push(UNANCHORED);
        self.by_org.insert(org, index);
        self.place(index, graph);
        Some(index)
    }

    /// Everybody's standing and groups, anew.
    pub(crate) fn place_all(&mut self, graph: &TrustGraph) {
        self.groups.truncate(3);
        self.by_group.retain(|_, index| *index < 3);
        for index in 0..u32::try_from(self.list.len()).unwrap_or(u32::MAX) {
            self.place(index, graph);
        }
    }

    pub(crate) fn set_cluster(&mut self, index: ReporterIndex, cluster: Option<u64>) {
        let Some(org) = self.get(index).map(|reporter| reporter.org) else {
            return;
        };
        let number = self.number(cluster.map_or(Group::Alone(org), Group::Cluster));
        if let Some(reporter) = self.get_mut(index) {
            reporter.learned_cluster = cluster;
            reporter.cluster = number;
        }
    }

    fn place(&mut self, index: ReporterIndex, graph: &TrustGraph) {
        let Some(reporter) = self.get(index) else { return };
        let (org, learned) = (reporter.org, reporter.learned_cluster);
        let place = graph.place(org);
        let labels = place.map_or_else(Labels::default, |place| place.labels);
        let voucher = self.number(
            place
                .and_then(|place| place.group)
                .map_or(Group::Unanchored, Group::Voucher),
        );
        let through = self.number(
            place
                .and_then(|place| place.through)
                .map_or(Group::Unanchored, Group::Anchor),
        );
        let operator = self.number(match labels.operator {
            [0, 0, 0, 0, 0, 0, 0, 0] => Group::Unknown,
            hash => Group::Operator(hash),
        });
        let country = self.number(match labels.country {
            [0, 0] => Group::Unknown,
            letters => Group::Country(letters),
        });
        let asn = self.number(match labels.asn {
            0 => Group::Unknown,
            number => Group::Asn(number),
        });
        let cluster = self.number(learned.map_or(Group::Alone(org), Group::Cluster));
        let Some(reporter) = self.get_mut(index) else {
            return;
        };
        reporter.voucher = voucher;
        reporter.through = through;
        reporter.operator = operator;
        reporter.country = country;
        reporter.asn = asn;
        reporter.cluster = cluster;
        reporter.anchor = place.is_some_and(|place| place.anchor);
        reporter.record.stand(place);
        if let Some(known) = usize::try_from(index)
            .ok()
            .and_then(|index| self.vouchers.get_mut(index))
        {
            *known = voucher;
        }
    }

    fn number(&mut self, group: Group) -> GroupIndex {
        if let Some(index) = self.by_group.get(&group) {
            return *index;
        }
        let index = u32::try_from(self.groups.len()).unwrap_or(UNKNOWN);
        self.groups.push(group);
        self.by_group.insert(group, index);
        index
    }
}

// === impl Reporter ===

impl Reporter {
    fn unplaced(org: OrgId) -> Self {
        Self {
            org,
            record: Record::default(),
            anchor: false,
            purse: Purse::default(),
            lends: Purse::default(),
            sole: 0,
            voucher: UNANCHORED,
            through: UNANCHORED,
            operator: UNKNOWN,
            country: UNKNOWN,
            asn: UNKNOWN,
            cluster: UNKNOWN,
            learned_cluster: None,
            keys: Vec::new(),
        }
    }

    /// His cluster now: all that were struck are one.
    pub(crate) fn cluster(&self, now: Timestamp) -> GroupIndex {
        if self.record.is_struck(now) {
            STRUCK
        } else {
            self.cluster
        }
    }

    /// His group by anchor: newcomers stand with the anchor through which they came, whatever it says of them.
    pub(crate) fn by_anchor(&self) -> GroupIndex {
        if self.anchor || self.is_newcomer() {
            self.through
        } else {
            self.voucher
        }
    }

    pub(crate) fn is_newcomer(&self) -> bool {
        !self.record.is_established()
    }

    /// The cluster that was learned of him, if one was.
    pub(crate) fn learned_cluster(&self) -> Option<u64> {
        self.learned_cluster
    }

    pub(crate) fn is_anchored(&self) -> bool {
        self.voucher != UNANCHORED
    }

    /// The number of one of his node keys, a new one if it is not known yet.
    pub(crate) fn key_number(&mut self, key: PublisherId) -> Result<u8, ReportRefused> {
        let known = self.keys.iter().position(|known| *known == key);
        let number = known.unwrap_or(self.keys.len());
        if number >= MAX_KEYS {
            return Err(ReportRefused::TooManyKeys);
        }
        if known.is_none() {
            self.keys.push(key);
        }
        u8::try_from(number).map_err(|_| ReportRefused::TooManyKeys)
    }

    pub(crate) fn key(&self, number: u8) -> PublisherId {
        self.keys
            .get(usize::from(number))
            .copied()
            .unwrap_or(PublisherId([0; PublisherId::WIDTH]))
    }
}
