//! A real PostgreSQL for the tests: found, made in a directory of its own, started by path, on a unix socket only.
//!
//! One server for the whole test binary. A shell holds it on a pipe: when this process ends, however it ends, the pipe
//! closes, the server stops and its directory goes. Deliberately absent: installing anything.

use crate::binaries::{self, unprivileged};
use crate::skip::skip;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// Runs the server until the pipe on its input closes: that is when the test process ends.
const KEEPER: &str = r#"
"$1" -D "$2/data" -k "$2" -c listen_addresses= -c unix_socket_permissions=0777 -c max_connections=300 >"$2/log" 2>&1 &
read -r nothing
kill -INT $! && wait
rm -rf "$2"
"#;

/// The running server.
pub(crate) struct Server {
    binaries: PathBuf,
    directory: PathBuf,
    databases: AtomicU32,
    /// Its input is what keeps the server alive.
    _keeper: Child,
}

/// The server of this test binary; `None` if this machine has none, which is said where people look for it.
pub(crate) fn server(test: &str) -> Option<&'static Server> {
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
    match SERVER.get_or_init(Server::start) {
        Ok(server) => Some(server),
        Err(reason) => {
            skip(&format!("vigie-store-postgres {test}"), reason);
            None
        }
    }
}

// === impl Server ===

impl Server {
    fn start() -> Result<Self, String> {
        let binaries = binaries::find().ok_or("no PostgreSQL server found (Debian: postgresql-15)")?;
        let directory = tempfile::Builder::new()
            .prefix("vigie-pg-")
            .tempdir()
            .unwrap()
            .keep();
        std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o755)).unwrap();
        let root = std::fs::metadata(&directory).unwrap().uid() == 0;
        if root {
            std::os::unix::fs::chown(&directory, Some(binaries::NOBODY), Some(binaries::NOBODY)).unwrap();
        }
        let made = unprivileged(root, &binaries, &binaries.join("initdb"))
            .args([
                "--username=vigie",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "-D",
            ])
            .arg(directory.join("data"))
            .output()
            .map_err(|error| format!("initdb does not start: {error}"))?;
        if !made.status.success() {
            return Err(format!(
                "initdb fails: {}",
                String::from_utf8_lossy(&made.stderr).trim()
            ));
        }
        let keeper = unprivileged(root, &binaries, Path::new("sh"))
            .args(["-c", KEEPER, "keeper"])
            .args([&binaries.join("postgres"), &directory])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("the server does not start: {error}"))?;
        let server = Self {
            binaries,
            directory,
            databases: AtomicU32::new(0),
            _keeper: keeper,
        };
        server.await_ready()?;
        Ok(server)
    }

    /// PostgreSQL says in its log when it takes connections.
    fn await_ready(&self) -> Result<(), String> {
        for _ in 0..600 {
            let log = std::fs::read_to_string(self.directory.join("log")).unwrap_or_default();
            if log.contains("ready to accept connections") {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = std::fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        Err(format!("the server is not ready after 30 s: {log}"))
    }

    /// The address of a new, empty database.
    pub(crate) fn empty_database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let admin = self.url("postgres");
        // On a thread of its own, for callers that are inside a runtime.
        let made = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let mut connection = PgConnection::connect(&admin).await.unwrap();
                let create = AssertSqlSafe(format!("CREATE DATABASE {name} TEMPLATE template0"));
                sqlx::query(create).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                name
            })
        });
        self.url(&made.join().unwrap())
    }

    fn url(&self, database: &str) -> String {
        format!(
            "postgres://vigie@localhost/{database}?host={}",
            self.directory.display()
        )
    }

    /// A program that came with the server, if it did.
    pub(crate) fn program(&self, name: &str) -> Option<Command> {
        let path = self.binaries.join(name);
        path.exists().then(|| unprivileged(false, &self.binaries, &path))
    }
}
