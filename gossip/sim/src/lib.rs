//! The simulator of the mesh: the real core of many nodes over a simulated network, from one seed.
//!
//! Every node runs what a live one runs of `vigie-gossip-core`: index, validation, window, sync sessions and the pace
//! that decides whom to compare with. Simulated are the network below it (`network`, `geography`), gossip as gossipsub
//! does it (`gossip`, `overlay`), and what goes wrong (`trouble`). Sync messages travel as their real bytes.
//!
//! What is shared between nodes to fit thousands into one process, and is charged to each all the same: the directory,
//! since all know all statements; the bytes of envelopes; their decoding and the check of their signature.
//! Deliberately absent: heads on the directory topic, statements on their way, bad clocks, and libp2p itself.
#![warn(missing_docs)]

mod book;
mod clock;
mod cpu;
mod dice;
mod founding;
mod geography;
mod gossip;
mod measure;
mod network;
mod node;
mod overlay;
mod parcels;
mod publish;
mod queue;
mod report;
mod run;
mod setup;
mod sync;
mod trouble;
mod workload;

pub use report::{DEFINITIONS, Report};
pub use run::run;
pub use setup::{MAX_NODES, Setup, SetupRefused};
