//! Our rules on the lines that a real PostgreSQL writes, in each of its three forms of log.
//!
//! The server is the one that the store's tests find, started by path on loopback. Deliberately absent: SQL.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use vigie_sensor::line::{Line, Position};
use vigie_sensor::parse::{Parsed, Parser};
use vigie_sensor::rules::Ruleset;
use vigie_wire::Timestamp;

use crate::binaries::{self, NOBODY, unprivileged};
use crate::skip::skip;

/// A running server with the user `owner`, who has a password, and `stranger`, who may not connect.
struct Server {
    child: Child,
    directory: tempfile::TempDir,
    port: u16,
}

impl Server {
    fn start(programs: &Path) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = std::fs::metadata(directory.path()).unwrap().uid() == 0;
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let password = directory.path().join("password");
        std::fs::write(&password, "right").unwrap();
        if root {
            for path in [directory.path(), &password] {
                std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        let data = directory.path().join("data");
        let made = unprivileged(root, programs, &programs.join("initdb"))
            .args([
                "--username=owner",
                "--auth=password",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ])
            .arg(format!("--pwfile={}", password.display()))
            .arg("-D")
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let allowed = "host all stranger 127.0.0.1/32 reject\nhost all all 127.0.0.1/32 password\n";
        std::fs::write(data.join("pg_hba.conf"), allowed).unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let settings = [
            format!("port={port}"),
            "listen_addresses=127.0.0.1".to_owned(),
            "unix_socket_directories=".to_owned(),
            "fsync=off".to_owned(),
            "log_connections=on".to_owned(),
            "log_line_prefix=%m [%p] %h ".to_owned(),
            "logging_collector=on".to_owned(),
            "log_filename=pg.log".to_owned(),
            format!("log_destination={}", destinations(programs)),
        ];
        let mut command = unprivileged(root, programs, &programs.join("postgres"));
        for setting in settings {
            command.arg("-c").arg(setting);
        }
        let child = command
            .arg("-D")
            .arg(&data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(directory.path().join("said")).unwrap())
            .spawn()
            .unwrap();
        let server = Self {
            child,
            directory,
            port,
        };
        server.await_line("pg.log", "ready to accept connections");
        server
    }

    fn log(&self, name: &str) -> PathBuf {
        self.directory.path().join("data/log").join(name)
    }

    /// The text of a log, once this stands in it.
    fn await_line(&self, name: &str, wanted: &str) -> String {
        let begun = Instant::now();
        loop {
            let text = std::fs::read_to_string(self.log(name)).unwrap_or_default();
            if text.contains(wanted) {
                return text;
            }
            let said = std::fs::read_to_string(self.directory.path().join("said")).unwrap_or_default();
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "{wanted:?} is not in {name}: {text} {said}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// As any client: PostgreSQL's protocol 3, up to the answer to the password.
    fn login(&self, user: &str, password: &str) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let names = format!("user\0{user}\0database\0postgres\0\0");
        let length = u32::try_from(names.len() + 8).unwrap();
        let mut hello = length.to_be_bytes().to_vec();
        hello.extend(196_608_u32.to_be_bytes());
        hello.extend(names.as_bytes());
        stream.write_all(&hello).unwrap();
        loop {
            let mut head = [0; 5];
            stream.read_exact(&mut head).unwrap();
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
            let mut body = vec![0; usize::try_from(length).unwrap() - 4];
            stream.read_exact(&mut body).unwrap();
            match head[0] {
                b'R' if body == [0, 0, 0, 3] => {
                    let length = u32::try_from(password.len() + 5).unwrap();
                    let mut answer = vec![b'p'];
                    answer.extend(length.to_be_bytes());
                    answer.extend(password.as_bytes());
                    answer.push(0);
                    stream.write_all(&answer).unwrap();
                }
                // Refused, or ready.
                b'E' | b'Z' => return,
                _ => {}
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its processes end when they see that it is gone.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The forms of log that this version writes: JSON from 15 on.
fn destinations(programs: &Path) -> &'static str {
    let mut asked = unprivileged(false, programs, &programs.join("postgres"));
    let said = asked.arg("--version").output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let version = said.split([' ', '.']).find_map(|word| word.parse::<u32>().ok());
    if version.is_some_and(|version| version >= 15) {
        "stderr,csvlog,jsonlog"
    } else {
        "stderr,csvlog"
    }
}

/// Who did what, as our rules read a log: kind of event, address, name.
fn read(text: &str) -> Vec<[String; 3]> {
    let rules = Ruleset::builtin().unwrap();
    let mut parser = Parser::new(&rules);
    let mut told = Vec::new();
    for (number, text) in text.lines().enumerate() {
        let line = Line {
            source: "pg".into(),
            position: Position::File {
                file: 1,
                offset: number as u64,
            },
            kind: "postgresql".into(),
            text: text.to_owned(),
            read_at: Timestamp::from_secs(1_790_000_000),
        };
        if let Parsed::Event(event) = parser.parse(&line, line.read_at) {
            let meta = ["log_type", "source_ip", "target_user"].map(|name| event.meta(name).to_owned());
            if meta[0] != "pgsql_other" {
                assert!(event.is_dated(), "{text}");
                told.push(meta);
            }
        }
    }
    told
}

#[test]
fn what_a_real_postgresql_logs_is_understood() {
    let test = "what_a_real_postgresql_logs_is_understood";
    let Some(programs) = binaries::find() else {
        return skip(test, "no PostgreSQL server found (Debian: postgresql-15)");
    };
    let server = Server::start(&programs);
    server.login("owner", "right");
    server.login("owner", "wrong");
    server.login("nobody", "wrong");
    server.login("two words", "wrong");
    server.login("stranger", "wrong");
    let expected = |log_type: &str, user: &str| [log_type, "127.0.0.1", user].map(str::to_owned);
    let all = [
        expected("pgsql_auth-success", "owner"),
        expected("pgsql_failed-auth", "owner"),
        expected("pgsql_failed-auth", "nobody"),
        expected("pgsql_failed-auth", "two words"),
        expected("pgsql_not-allowed", "stranger"),
    ];
    let forms: BTreeSet<&str> = destinations(&programs).split(',').collect();
    for (form, name) in [("stderr", "pg.log"), ("csvlog", "pg.csv"), ("jsonlog", "pg.json")] {
        if !forms.contains(form) {
            continue;
        }
        let told = read(&server.await_line(name, "stranger"));
        if form == "stderr" {
            // A name with a space in it is not believed there: the rule says why.
            let mut plain = all.to_vec();
            plain.remove(3);
            assert_eq!(told, plain, "{form}");
        } else {
            assert_eq!(told, all, "{form}");
        }
    }
}
