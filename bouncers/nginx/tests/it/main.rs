//! The real daemon against a Local API, and a real nginx, as Debian builds it, with the module in it.
#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

mod browser;
mod captcha;
mod daemon;
#[path = "../../../client/tests/it/lapi.rs"]
mod lapi;
mod many;
mod mistakes;
#[path = "../../../client/tests/it/mmdb.rs"]
mod mmdb;
mod pages;
mod phase;
mod rough;
mod rungs;
mod scene;
mod server;
mod site;
#[path = "../../../nftables/tests/it/skip.rs"]
mod skip;
