//! The listener in the place of CrowdSec's `AppSec` engine: keys are checked, everything else passes.
//!
//! Spoken by hand, as CrowdSec's Lua bouncer does: that bouncer itself cannot be had from any registry.

use crate::http::{Answer, Place};
use crate::support::{Home, Node, eventually};

/// Where a node that was told to answers.
fn listening(home: &Home) -> (Node, Place) {
    let node = home.up_with(&["--appsec-listen", "127.0.0.1:0"]);
    let address = eventually("the listener is told of", || {
        let told = home.told();
        let (_, rest) = told.split_once("ask AppSec at ")?;
        rest.split_whitespace().next()?.parse().ok()
    });
    (node, Place::Tcp(address))
}

fn ask(place: &Place, method: &str, path: &str, key: &str, body: &[u8]) -> Answer {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{key}\
         X-Crowdsec-Appsec-Ip: 192.88.99.1\r\nX-Crowdsec-Appsec-Uri: /x\r\nX-Crowdsec-Appsec-Host: a\r\n\
         X-Crowdsec-Appsec-Verb: {method}\r\nX-Crowdsec-Appsec-User-Agent: x\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    place.raw(&[head.as_bytes(), body].concat())
}

#[test]
fn all_that_has_a_key_passes() {
    let home = Home::quiet();
    let (node, place) = listening(&home);
    let secret = home.key("lua", "ban");
    let key = format!("X-Crowdsec-Appsec-Api-Key: {secret}\r\n");
    let attack = b"id=1' OR '1'='1";
    let large = vec![b'x'; 3 << 20];
    for (method, path, body) in [
        ("GET", "/", &[][..]),
        ("POST", "/", attack),
        ("POST", "/", &large),
        ("PUT", "/some/where?x=1", attack),
        ("ODD", "/etc/passwd", &[]),
    ] {
        let answer = ask(&place, method, path, &key, body);
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, "{\"action\":\"allow\",\"http_status\":200}"),
            "{method} {path}: {answer:?}"
        );
        assert!(
            answer.head.contains("content-type: application/json"),
            "{answer:?}"
        );
    }
    for wrong in ["", "X-Crowdsec-Appsec-Api-Key: wr0ng\r\n", "X-Api-Key: wr0ng\r\n"] {
        assert_eq!(ask(&place, "POST", "/", wrong, attack).status, 401, "{wrong}");
    }
    // The key for the Local API's own header is another matter, and the Local API is not served here.
    assert_eq!(place.ask("GET", "/v1/decisions", Some(&secret)).status, 401);
    let statuses: Vec<u16> = (0..40).map(|_| ask(&place, "GET", "/", "", b"").status).collect();
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(ask(&place, "GET", "/", &key, b"").status, 200);
    assert!(!home.told().contains("wr0ng") && !home.told().contains(&secret));
    drop(node);
}

#[test]
fn a_body_without_end_is_cut_off() {
    let home = Home::quiet();
    let (_node, place) = listening(&home);
    let key = format!("X-Crowdsec-Appsec-Api-Key: {}\r\n", home.key("lua", "ban"));
    let endless = vec![b'x'; 12 << 20];
    let answer = ask(&place, "POST", "/", &key, &endless);
    // Who still writes may see the end of the connection before the answer.
    assert!(answer.status == 200 || answer.status == 0, "{answer:?}");
    assert_eq!(ask(&place, "GET", "/", &key, b"").status, 200);
}

#[test]
fn it_is_off_unless_asked_for() {
    let home = Home::quiet();
    let _node = home.up();
    assert!(!home.told().contains("AppSec"), "{}", home.told());
}
