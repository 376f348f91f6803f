//! A disk that fills up while the node runs: it goes on detecting and enforcing, and catches up when there is room.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::http::Place;
use crate::skip::skip;
use crate::support::{Home, guesses, until};

/// A node whose data is on a small disk of its own, in a mount namespace of its own.
struct Confined {
    child: Child,
    /// The disk as this process sees it.
    data: PathBuf,
}

impl Drop for Confined {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Confined {
    /// `None` where no mount namespace can be made.
    fn start(home: &Home, listen: &str) -> Option<Self> {
        let script = "mount -t tmpfs -o size=12m,mode=700 none \"$1\" && cp \"$1.toml\" \"$1/vigie.toml\" && exec \"$2\" --data \"$1\" --log info up --listen \"$3\"";
        std::fs::copy(home.data().join("vigie.toml"), home.beside("data.toml")).unwrap();
        let log = std::fs::File::create(home.beside("stderr")).unwrap();
        for unshare in ["-m", "-rm"] {
            let child = Command::new("unshare")
                .args([unshare, "sh", "-c", script, "sh"])
                .args([
                    home.data().as_os_str(),
                    env!("CARGO_BIN_EXE_vigie").as_ref(),
                    listen.as_ref(),
                ])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log.try_clone().unwrap())
                .spawn()
                .ok()?;
            let inside = format!("/proc/{}/root{}", child.id(), home.data().display());
            let mut confined = Self {
                child,
                data: PathBuf::from(inside),
            };
            let mut up = false;
            until("it is up or gone", || {
                up = home.told().contains("read to its end");
                up || confined.child.try_wait().unwrap().is_some()
            });
            if up {
                return Some(confined);
            }
        }
        None
    }

    /// A command about this node.
    fn say(&self, arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_vigie"))
            .arg("--data")
            .arg(&self.data)
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn alerts(&self) -> usize {
        let alerts: serde_json::Value =
            serde_json::from_str(&self.say(&["alerts", "list", "--json"])).unwrap();
        alerts.as_array().map_or(0, Vec::len)
    }
}

/// Takes all room there is.
pub(crate) fn fill(file: &Path) {
    use std::io::Write as _;
    let mut file = std::fs::File::create(file).unwrap();
    for size in [1 << 16, 1 << 12, 1 << 8, 1] {
        let piece = vec![b'x'; size];
        while file.write(&piece).is_ok_and(|written| written > 0) {}
    }
}

#[test]
fn a_full_disk_stops_neither_detection_nor_enforcement() {
    const TEST: &str = "full_disk::a_full_disk_stops_neither_detection_nor_enforcement";
    let home = Home::watching();
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let Some(mut node) = Confined::start(&home, &free.to_string()) else {
        return skip(TEST, "no mount namespace can be made here");
    };
    let place = Place::Tcp(free);
    let key = node.say(&["bouncers", "add", "one", "--raw"]).trim().to_owned();
    let mut pushed = place.follow("/v1/decisions/events", &key);
    home.append(&guesses("192.88.99.1", 6));
    pushed.until("new", "192.88.99.1");

    fill(&node.data.join("fill"));
    // The very first one after the disk is full counts too.
    home.append(&guesses("192.88.99.2", 6));
    pushed.until("new", "192.88.99.2");
    home.append(&guesses("192.88.99.3", 6));
    pushed.until("new", "192.88.99.3");
    assert_eq!(place.get("/v1/decisions?ip=192.88.99.2", &key)[0]["type"], "ban");
    assert!(home.told().contains("ERROR"), "nobody was told: {}", home.told());
    assert!(node.child.try_wait().unwrap().is_none(), "{}", home.told());

    std::fs::remove_file(node.data.join("fill")).unwrap();
    until("what waited is on disk", || node.alerts() == 3);
    // Once written, a decision is one decision: ended by hand it is ended.
    node.say(&["decisions", "delete", "--value", "192.88.99.2"]);
    assert_eq!(
        place.ask("GET", "/v1/decisions?ip=192.88.99.2", Some(&key)).body,
        "null"
    );
    assert_eq!(
        place
            .get("/v1/decisions?ip=192.88.99.3", &key)
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}
