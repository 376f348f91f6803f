//! Sources as the configuration names them: what was said to be read is read, whatever is killed.

use std::net::TcpListener;

use crate::http::Place;
use crate::support::{Home, guesses, until};

const TOKEN: &str = "a token that nobody guesses";

fn alerts_of(home: &Home, ip: &str) -> usize {
    let alerts = home.rows(&["alerts", "list"]);
    alerts.iter().filter(|alert| alert["value"] == ip).count()
}

#[test]
fn what_is_written_right_after_the_start_is_read() {
    let home = Home::watching();
    home.append(&guesses("192.88.90.1", 6));
    let node = home.up();
    // It said that it reads this log, so these count, even if it is gone before it has opened it.
    home.append(&guesses("192.88.90.2", 6));
    node.kill();
    let _node = home.up();
    until("the attack is found", || alerts_of(&home, "192.88.90.2") == 1);
    assert_eq!(
        alerts_of(&home, "192.88.90.1"),
        0,
        "what was there before is history"
    );
}

#[test]
fn lines_that_were_acknowledged_over_http_survive_a_kill() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let home = Home::with("");
    let token = home.beside("token");
    std::fs::write(&token, TOKEN).unwrap();
    home.configure(&format!(
        "[sensor]\nsources = [{{ type = \"syslog\", http = \"http://{address}\", token = \"{}\", field = \"line\" }}]\n",
        token.display()
    ));
    home.say(&["check-config"]);
    let node = home.up();
    let reads = format!("http {address} (syslog)");
    assert!(
        node.words.iter().any(|line| line.contains(&reads)),
        "{:?}",
        node.words
    );
    let lines = guesses("192.88.90.3", 6);
    let body: String = lines
        .lines()
        .map(|line| format!("{}\n", serde_json::json!({"line": line})))
        .collect();
    let request = |token: &str| {
        format!(
            "POST /lines HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    until("it listens", || std::net::TcpStream::connect(address).is_ok());
    let place = Place::Tcp(address);
    let wrong = place.raw(request("somebody else's token").as_bytes());
    assert_eq!(wrong.status, 401, "{wrong:?}");
    let answer = place.raw(request(TOKEN).as_bytes());
    assert_eq!((answer.status, answer.body.as_str()), (200, "{\"taken\":6}"));
    node.kill();
    let _node = home.up();
    until("the attack is found", || alerts_of(&home, "192.88.90.3") == 1);
}
