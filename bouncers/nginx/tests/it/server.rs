//! A real nginx with the module in it, on loopback: started by path, with a prefix of its own, ended with the test.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::scene::{Scene, read, signal, wait_until};

/// One place of each kind. `return` answers before the access phase, so files are served.
const SITE: &str = r#"
    server {
        listen 127.0.0.1:@PORT;
        root @PREFIX/www;
        add_header X-Vigie "$vigie" always;
        location / { }
        location /open/ { vigie off; alias @PREFIX/www/; }
        location /teapot/ { vigie_status 418; alias @PREFIX/www/; }
        location /any/ { satisfy any; allow all; alias @PREFIX/www/; }
        location /other/ { vigie_table other; alias @PREFIX/www/; }
    }
"#;

/// A running nginx with one worker.
pub(crate) struct Nginx {
    child: Child,
    port: u16,
    errors: PathBuf,
}

/// Where the module and its nginx are; `None`, and told, if this machine has not built them.
fn binaries(test: &str) -> Option<(PathBuf, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let module = root.join("target/nginx/ngx_http_vigie_module.so");
    let nginx = root.join("target/peers/nginx");
    if module.exists() && nginx.join("usr/sbin/nginx").exists() {
        return Some((module, nginx));
    }
    crate::skip::skip(
        &format!("vigie-bouncer-nginx {test}"),
        "nginx and the module are not built (scripts/nginx-module.sh)",
    );
    None
}

/// A command of the nginx that was unpacked, with this configuration within `http`.
fn command(scene: &Scene, (module, nginx): &(PathBuf, PathBuf), port: u16, site: &str) -> Command {
    let prefix = scene.path("nginx");
    std::fs::create_dir_all(prefix.join("www")).unwrap();
    std::fs::write(prefix.join("www/index.html"), "welcome\n").unwrap();
    let root = rustix::process::geteuid().is_root();
    let site = site
        .replace("@PORT", &port.to_string())
        .replace("@PREFIX", &prefix.display().to_string());
    let config = format!(
        r"
{user}
load_module {module};
daemon off;
worker_processes 1;
pid {prefix}/pid;
error_log {prefix}/errors notice;
events {{ worker_connections 256; }}
http {{
    access_log off;
    keepalive_requests 1000000;
    client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
    {site}
}}
",
        user = if root { "user nobody nogroup;" } else { "" },
        module = module.display(),
        prefix = prefix.display(),
    );
    std::fs::write(prefix.join("nginx.conf"), config).unwrap();
    let libraries = std::fs::read_dir(nginx.join("usr/lib")).unwrap();
    let libraries = libraries.map(|entry| entry.unwrap().path());
    let mut command = Command::new(nginx.join("usr/sbin/nginx"));
    command
        .env("LD_LIBRARY_PATH", std::env::join_paths(libraries).unwrap())
        .args(["-e", "errors", "-c", "nginx.conf", "-p"])
        .arg(prefix)
        .stdin(Stdio::null());
    command
}

/// A port of loopback that is free now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// What `nginx -t` says to a configuration within `http`.
pub(crate) fn check_config(test: &str, scene: &Scene, site: &str) -> Option<Output> {
    let binaries = binaries(test)?;
    Some(command(scene, &binaries, 1, site).arg("-t").output().unwrap())
}

// === impl Nginx ===

impl Nginx {
    /// With the table of the scene, and [`SITE`].
    pub(crate) fn start(test: &str, scene: &Scene) -> Option<Self> {
        Self::start_with(test, scene, SITE)
    }

    /// With the table of the scene, and this within `http`.
    pub(crate) fn start_with(test: &str, scene: &Scene, site: &str) -> Option<Self> {
        let binaries = binaries(test)?;
        let site = format!("vigie on; vigie_table {}; {site}", scene.table().display());
        // A port that is free now may be taken a moment later.
        (0..5)
            .find_map(|_| Self::try_start(scene, &binaries, &site))
            .or_else(|| panic!("nginx does not start: {}", read(&scene.path("nginx/errors"))))
    }

    fn try_start(scene: &Scene, binaries: &(PathBuf, PathBuf), site: &str) -> Option<Self> {
        let port = free_port();
        let child = command(scene, binaries, port, site)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut nginx = Self {
            child,
            port,
            errors: scene.path("nginx/errors"),
        };
        let mut ended = false;
        wait_until("nginx", || {
            ended = nginx.child.try_wait().unwrap().is_some();
            // The master listens before it has a worker.
            ended || (nginx.workers().len() == 1 && TcpStream::connect(("127.0.0.1", port)).is_ok())
        });
        (!ended).then_some(nginx)
    }

    /// The answer to one client's request for a path: status and what `$vigie` was.
    pub(crate) fn get(&self, client: &str, path: &str) -> (u16, String) {
        let reply = self.ask(&Ask {
            path,
            ..Ask::from(client)
        });
        (reply.status, reply.word)
    }

    /// The answer to one request.
    pub(crate) fn ask(&self, ask: &Ask<'_>) -> Reply {
        ask.over(&mut self.connect()).unwrap()
    }

    /// One number of `/metrics`, where the site has that.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let reply = self.ask(&Ask {
            path: "/metrics",
            ..Ask::from("")
        });
        let value = reply.body.lines().find_map(|line| line.strip_prefix(name));
        let value = value.unwrap_or_else(|| panic!("{name}: {}", reply.body));
        value.trim().parse().unwrap()
    }

    /// How many requests were counted for this word with this outcome, whoever decided.
    pub(crate) fn requests(&self, word: &str, became: &str) -> u64 {
        self.requests_of(word, became, "")
    }

    /// The same, of one origin.
    pub(crate) fn requests_of(&self, word: &str, became: &str, origin: &str) -> u64 {
        let reply = self.ask(&Ask {
            path: "/metrics",
            ..Ask::from("")
        });
        let (start, part) = (
            format!("vigie_requests_total{{remediation=\"{word}\",outcome=\"{became}\""),
            format!("origin=\"{origin}"),
        );
        let lines = reply.body.lines().filter(|line| line.starts_with(&start));
        let lines = lines.filter(|line| origin.is_empty() || line.contains(&part));
        let counts = lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
        counts.reduce(|sum, count| sum + count).unwrap()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn status(&self, client: &str) -> u16 {
        self.get(client, "/").0
    }

    /// A connection to send an [`Ask`] over.
    pub(crate) fn connect(&self) -> BufReader<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.set_nodelay(true).unwrap();
        BufReader::new(stream)
    }

    /// The process ids of its workers.
    pub(crate) fn workers(&self) -> Vec<String> {
        let id = self.child.id();
        let children = read(Path::new(&format!("/proc/{id}/task/{id}/children")));
        children.split_whitespace().map(str::to_owned).collect()
    }

    /// Has it read its configuration again, and waits for the new worker to be the only one.
    pub(crate) fn reload(&self) {
        let before = self.workers();
        signal(&self.child, Signal::HUP);
        wait_until("a new worker", || {
            let now = self.workers();
            now.len() == 1 && now != before
        });
    }

    pub(crate) fn errors(&self) -> String {
        read(&self.errors)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.errors());
        }
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            // The master ends its workers; a kill would leave them behind.
            signal(&self.child, Signal::TERM);
        }
        drop(self.child.wait());
    }
}

/// One request.
pub(crate) struct Ask<'a> {
    /// Whom a trusted proxy names as the client; nobody if empty.
    pub(crate) client: &'a str,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    /// Further headers, each with its end of line.
    pub(crate) headers: &'a str,
    pub(crate) body: &'a str,
}

/// One answer.
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// What `$vigie` was.
    pub(crate) word: String,
    /// All header lines.
    pub(crate) head: String,
    pub(crate) body: String,
}

// === impl Reply ===

impl Reply {
    /// The value of a header, by its name in lower case; nothing if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut values = lines
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value);
        values.next().unwrap_or_default()
    }
}

// === impl Ask ===

impl<'a> Ask<'a> {
    /// For the page of the site.
    pub(crate) fn from(client: &'a str) -> Self {
        Self {
            client,
            method: "GET",
            path: "/",
            headers: "",
            body: "",
        }
    }

    /// The answer to it, over a connection that stays open.
    pub(crate) fn over(&self, line: &mut BufReader<TcpStream>) -> std::io::Result<Reply> {
        self.send(line)?;
        self.receive(line)
    }

    pub(crate) fn send(&self, line: &mut BufReader<TcpStream>) -> std::io::Result<()> {
        let forwarded = match self.client {
            "" => String::new(),
            client => format!("X-Forwarded-For: {client}\r\n"),
        };
        let (method, path, headers, body) = (self.method, self.path, self.headers, self.body);
        write!(
            line.get_mut(),
            "{method} {path} HTTP/1.1\r\nHost: test\r\n{forwarded}{headers}\r\n{body}"
        )
    }

    /// The next answer of those that are under way.
    pub(crate) fn receive(&self, line: &mut BufReader<TcpStream>) -> std::io::Result<Reply> {
        let method = self.method;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if line.read_line(&mut head)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        let header = |name: &str| {
            head.lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or_default()
        };
        let length = if method == "HEAD" {
            ""
        } else {
            header("Content-Length: ")
        };
        let mut body = vec![0; length.parse().unwrap_or(0)];
        line.read_exact(&mut body)?;
        let status = header("HTTP/1.1 ").split(' ').next().unwrap_or_default();
        Ok(Reply {
            status: status.parse().unwrap_or(0),
            word: header("X-Vigie: ").to_owned(),
            body: String::from_utf8_lossy(&body).into_owned(),
            head,
        })
    }
}
