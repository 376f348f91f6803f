//! A thousand bouncers that lose their node at the same moment, and come back at the same moment.

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::http::Events;
use crate::skip::skip;
use crate::support::Home;

const TEST: &str = "a_thousand_bouncers_come_back_at_once_and_have_missed_nothing";
const BOUNCERS: usize = 1_000;
/// File descriptors that our ends of the connections and the rest of this process need; the node sees to its own.
const DESCRIPTORS: u64 = 1_500;

/// Whether this process may open so many files.
fn has_room() -> bool {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= DESCRIPTORS) {
        return true;
    }
    limit.current = Some(DESCRIPTORS);
    setrlimit(Resource::Nofile, limit).is_ok()
}

#[test]
fn a_thousand_bouncers_come_back_at_once_and_have_missed_nothing() {
    if !has_room() {
        return skip(TEST, "a process may not open 1,500 files here (ulimit -n)");
    }
    let home = Home::quiet();
    let node = home.up();
    let (place, listen) = (node.place(), node.page.to_string());
    let key = home.key("edge", "ban");
    let path = "/v1/decisions/events";
    let mut all = place.follow_all(BOUNCERS, path, &key, "");
    home.say(&["decisions", "add", "192.88.99.1"]);
    let ids: Vec<String> = all.iter_mut().map(Events::id).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");

    node.kill();
    drop(all);
    let node = home.up_with(&["--listen", &listen]);
    // Before they are back.
    home.say(&["decisions", "add", "192.88.99.2"]);
    let resumed = format!("Last-Event-ID: {}\r\n", ids[0]);
    let mut all = place.follow_all(BOUNCERS, path, &key, &resumed);
    home.say(&["decisions", "add", "192.88.99.3"]);
    for events in &mut all {
        events.until("new", "192.88.99.2");
        events.until("new", "192.88.99.3");
    }
    // Whoever asks otherwise is answered meanwhile.
    let live = place.get("/v1/decisions?ip=192.88.99.3", &key);
    assert_eq!(live[0]["value"], "192.88.99.3");
    assert!(node.terminate().0.success(), "{}", home.told());
}
