//! The decision stream, from any CrowdSec-compatible Local API.
//!
//! Before this stop: a node's API (Vigie's or CrowdSec's). After it: a bouncer's plan. [`stream::follow`]
//! turns what the API says into [`Change`]s, [`Table`] holds what follows from them: who is to be kept out
//! and until when. Deliberately absent: any means of enforcement, and the wall clock (the API speaks of
//! remaining durations and so do the kernels, so a clock that jumps harms nobody).
#![warn(missing_docs)]

pub mod atlas;
mod backoff;
mod causes;
pub mod change;
pub mod decision;
pub mod duration;
pub mod moment;
pub mod place;
pub mod pulse;
pub mod report;
pub mod source;
pub mod span;
pub mod split;
pub mod sse;
pub mod stream;
pub mod table;
pub mod term;
pub mod value;

pub use atlas::{Atlas, Databases, Guide};
pub use causes::with_causes;
pub use change::{Change, Update};
pub use decision::{Decision, StreamResponse};
pub use duration::GoDuration;
pub use moment::{Clock, Moment, since_boot};
pub use place::Place;
pub use pulse::Pulse;
pub use report::{About, report};
pub use source::{Source, SourceConfig};
pub use span::{Family, Span};
pub use stream::{StreamConfig, follow};
pub use table::{Table, TableConfig};
pub use term::Term;
pub use value::Value;
pub use vigie_bouncer_origin::Origin;
