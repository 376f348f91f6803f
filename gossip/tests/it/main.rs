//! Real swarms on loopback: gossip, sync, healing, and what an outsider or a liar gets.

mod attack;
mod gossip;
mod node;
mod proxy;
mod sync;
mod world;
