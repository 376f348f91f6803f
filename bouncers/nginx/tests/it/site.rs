//! The whole way: a decision of the node, the daemon, the table, nginx's answer.

use crate::scene::{Scene, wait_until};
use crate::server::Nginx;

#[test]
fn a_decision_shuts_a_client_out_and_its_end_lets_him_in() {
    let scene = Scene::new();
    scene.lapi.set(|state| state.push = true);
    let Some(nginx) = Nginx::start("a_decision_shuts_a_client_out_and_its_end_lets_him_in", &scene) else {
        return;
    };
    // No table yet: everybody is let in, and it is told.
    assert_eq!(nginx.get("192.0.2.1", "/"), (200, String::new()));
    assert!(
        nginx.errors().contains("No such file or directory"),
        "{}",
        nginx.errors()
    );
    let _daemon = scene.start(&["--allow", "198.51.100.7"]);
    for value in ["192.0.2.1", "2001:db8::1", "198.51.100.0/24"] {
        scene.lapi.add(value, "4h");
    }
    wait_until("the ban", || nginx.status("192.0.2.1") == 403);
    assert_eq!(nginx.get("192.0.2.1", "/"), (403, "ban".to_owned()));
    assert_eq!(nginx.status("192.0.2.2"), 200);
    assert_eq!(nginx.status("2001:db8::1"), 403);
    assert_eq!(nginx.status("2001:db8::2"), 200);
    assert_eq!(nginx.status("::ffff:192.0.2.1"), 403);
    assert_eq!(nginx.status("198.51.100.6"), 403);
    assert_eq!(nginx.get("198.51.100.7", "/"), (200, "pass".to_owned()));
    // In each place what the configuration says of it.
    assert_eq!(nginx.get("192.0.2.1", "/open/"), (200, "ban".to_owned()));
    assert_eq!(nginx.get("192.0.2.1", "/teapot/"), (418, "ban".to_owned()));
    assert_eq!(nginx.get("192.0.2.1", "/any/"), (403, "ban".to_owned()));
    assert_eq!(nginx.get("192.0.2.1", "/other/"), (200, String::new()));
    scene.lapi.delete("192.0.2.1");
    wait_until("the end of the ban", || nginx.status("192.0.2.1") == 200);
    assert_eq!(nginx.status("2001:db8::1"), 403);
}

#[test]
fn a_ban_ends_by_itself_when_nobody_is_there() {
    let scene = Scene::new();
    scene.put(&[("192.0.2.1", 2), ("192.0.2.2", 3_600), ("192.0.2.3", 0)]);
    let Some(nginx) = Nginx::start("a_ban_ends_by_itself_when_nobody_is_there", &scene) else {
        return;
    };
    assert_eq!(nginx.status("192.0.2.3"), 200);
    assert_eq!(nginx.status("192.0.2.2"), 403);
    wait_until("the end of the short one", || nginx.status("192.0.2.1") == 200);
    assert_eq!(nginx.status("192.0.2.2"), 403);
}

#[test]
fn the_clients_own_address_counts_where_no_proxy_is_trusted() {
    let scene = Scene::new();
    scene.put(&[("127.0.0.1", 3_600)]);
    let Some(nginx) = Nginx::start("the_clients_own_address_counts_where_no_proxy_is_trusted", &scene) else {
        return;
    };
    assert_eq!(nginx.status(""), 403);
    assert_eq!(nginx.status("192.0.2.1"), 200);
}
