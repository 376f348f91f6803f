//! The mesh as the node sees it: a handle to publish with, a stream of events, a task to run.
//!
//! Everything that names libp2p is here: transports, gossipsub, the hello that ties a connection to a
//! node key, and anti-entropy over request/response. What is valid, who is admitted and what is missing
//! is decided by `vigie_gossip_core`; this crate only carries its questions and answers.
//! Deliberately absent: storage, scoring, any opinion about content.
#![warn(missing_docs)]

pub mod addresses;
mod behaviour;
mod command;
mod config;
mod error;
mod event;
pub mod hello;
pub mod limits;
mod start;
mod swarm;
mod telemetry;
pub mod topic;
mod transport;

pub use command::{Mesh, Reached, Trusted};
pub use config::{Clock, Initial, MeshConfig, OwnNode, Reaching, RelayLimits, Timing};
pub use error::MeshError;
pub use event::{MeshEvent, Peer};
pub use start::{SwarmTask, check_address, start};
pub use telemetry::Counters;
pub use vigie_gossip_core as core;
pub use vigie_gossip_core::wire;
