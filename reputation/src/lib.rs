//! The scorer of Vigie: what the mesh says of an address, weighed by one observer for himself.
//!
//! Capped log-odds. `L(subject)` is the minimum, over every way in which reporters may depend on each other
//! ([`Partition`]), of the sum over groups of `min(cap, evidence)`. A hard block needs `L >= H`, so
//! `ceil(H / kappa)` independent groups are a floor, however many identities stand in one group.
//!
//! The crate is a pure function of its calls: deliberately absent are clocks, randomness, files, threads and
//! floating point. Given the same calls, every machine computes the same bits.
//!
//! Sums are not cached. A subject holds at most [`ScorerConfig::max_contributions`] contributions and these are
//! weighed when somebody asks, with the weights of that moment: a strike or a revocation costs O(1), acts at once
//! everywhere, and no incremental sum can drift from what `contributions` lists.
//!
//! Left for later: learning of clusters (the interface stands: [`Scorer::set_cluster`]), and families of behaviours within
//! a reporter's record.
#![warn(missing_docs)]

mod breaker;
mod class;
pub mod constants;
mod evidence;
mod fixed;
mod graph;
mod memory;
mod own;
mod partition;
mod report;
mod reporter;
mod score;
mod subject;
mod subjects;
mod suppose;
mod verdict;
pub mod verify;
mod warning;

pub use vigie_wire as wire;

pub use breaker::{Breaker, Open, Trip};
pub use class::{Class, ClassLookup};
pub use graph::{Edge, Labels, Member, Place, TrustGraph};
pub use memory::{BadSketch, Known, MemoryConfig, Tier, host_of};
pub use partition::{Group, ParseGroupError, Partition};
pub use report::{Observed, Report, ReportRefused};
pub use score::{Exposure, Learned, LearnedReporter, Network, Refuted, Scorer, ScorerConfig, Size, Spared};
pub use suppose::{Change, Changes};
pub use verdict::{
    Contribution, GroupSum, Objector, OwnWord, PartitionScore, PartitionSums, Reason, Rung, Threshold,
    Verdict,
};
pub use warning::{BadList, Hit, MAX_ENTRIES, MAX_LISTS, WarningList, WarningLists};
