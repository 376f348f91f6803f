//! What our bouncers' programs have in common around their own work.
//!
//! [`settings`] reads what an administrator set, [`Node`] is the part of it that says whom to follow, a [`Crew`] follows it,
//! and [`ending`] says what the end of a program means. Before: flags and files. After: `bouncers/nftables` and
//! `bouncers/nginx`, which put what is decided in force. Deliberately absent: whatever only one of them does.
#![warn(missing_docs)]

pub mod crew;
pub mod ending;
mod log;
pub mod node;
pub mod settings;

pub use crew::{Crew, stop_signals};
pub use ending::{Ending, Failure, Outcome};
pub use log::Log;
pub use node::Node;
pub use settings::{Network, SettingsError};
