//! The kernel's own language for its tables: netlink, without a library and without unsafe code.
//!
//! [`encode`] writes a transaction as one batch, [`decode`] reads what the kernel has, [`socket`] carries
//! both. Deliberately absent: whatever our table does not use.

mod attribute;
pub(crate) mod consts;
pub mod decode;
pub mod encode;
pub mod socket;

pub use decode::SeenSet;
pub use socket::{NetlinkError, Socket};
