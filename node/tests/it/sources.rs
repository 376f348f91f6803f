//! Sources as the configuration names them: what was said to be read is read, whatever is killed.

use std::net::TcpListener;

use crate::http::Place;
use crate::support::{Home, append, guesses, until};

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

/// A file of a pattern that appears while nobody looks is as new as one that appears while somebody does; files of a
/// pattern that was never watched are history.
#[test]
fn a_log_that_appears_while_nobody_watches_is_read() {
    let home = Home::with("");
    let (logs, others) = (home.beside("logs"), home.beside("others"));
    for folder in [&logs, &others] {
        std::fs::create_dir(folder).unwrap();
    }
    let watch = |folders: &[&std::path::Path]| {
        let source = |folder: &&std::path::Path| {
            format!("{{ type = \"syslog\", file = \"{}/*.log\" }}", folder.display())
        };
        let sources: Vec<String> = folders.iter().map(source).collect();
        home.configure(&format!("[sensor]\nsources = [{}]\n", sources.join(", ")));
    };
    append(&logs.join("a-1.log"), &guesses("192.88.90.4", 6));
    watch(&[&logs]);
    home.up().kill();
    append(&logs.join("a-2.log"), &guesses("192.88.90.5", 6));
    append(&others.join("b-1.log"), &guesses("192.88.90.6", 6));
    watch(&[&logs, &others]);
    let node = home.up();
    until("the new log is read", || alerts_of(&home, "192.88.90.5") == 1);
    append(&others.join("b-2.log"), &guesses("192.88.90.7", 6));
    until("a newer one is read", || alerts_of(&home, "192.88.90.7") == 1);
    assert_eq!(
        (alerts_of(&home, "192.88.90.4"), alerts_of(&home, "192.88.90.6")),
        (0, 0)
    );
    node.kill();
    let _node = home.up();
    append(&logs.join("a-2.log"), &guesses("192.88.90.8", 6));
    until("it is read on", || alerts_of(&home, "192.88.90.8") == 1);
    assert_eq!(
        (alerts_of(&home, "192.88.90.4"), alerts_of(&home, "192.88.90.5")),
        (0, 1)
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
