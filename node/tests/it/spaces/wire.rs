//! A wire for real nodes: one network namespace each, a TAP in it, and `scripts/switch.py` between them.
//!
//! As root, or else inside a user namespace. Nothing is connected to this machine's network. Everything ends with the
//! wire, and when the tests are killed: the switch and those that hold the namespaces end with their input.
//! Deliberately absent: the nodes.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::nft::Nft;

/// How the wire is: a share of frames lost, the farthest way in milliseconds, Mbit/s out of each port.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Air {
    pub(crate) seed: u64,
    pub(crate) loss: f64,
    pub(crate) farthest_ms: u32,
    pub(crate) mbit: u32,
}

/// Lives until dropped.
pub(crate) struct Wire {
    rootless: bool,
    switch: Held,
    ports: Vec<Held>,
    /// Networks behind ports.
    homes: Vec<Held>,
    nft: Nft,
}

/// A process that ends when its input does, and has said its first word.
struct Held {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

// === impl Wire ===

impl Wire {
    /// Whoever is behind a router.
    pub(crate) const HOME: &str = "192.168.0.2";

    /// So many namespaces on one wire, or why there are none.
    pub(crate) fn stretch(ports: usize, air: Air) -> Result<Self, String> {
        let nft = Nft::find().ok_or("nft is neither on PATH nor unpacked under target/peers")?;
        let runs = |line: &[&str]| {
            let output = Command::new(line[0]).args(&line[1..]).output();
            output.is_ok_and(|output| output.status.success())
        };
        for line in [["ip", "-V"], ["nsenter", "--version"], ["python3", "--version"]] {
            if !runs(&line) {
                return Err(format!("this machine lacks {}", line[0]));
            }
        }
        let mut reason = "unshare cannot be started".to_owned();
        for flags in ["-n", "-rn"] {
            match Self::stretch_by(flags, ports, air, &nft) {
                Ok(wire) => return Ok(wire),
                Err(error) => reason = error,
            }
        }
        Err(format!(
            "no network namespaces with TAP devices and nftables on this machine: {reason}"
        ))
    }

    fn stretch_by(flags: &str, ports: usize, air: Air, nft: &Nft) -> Result<Self, String> {
        let program = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/switch.py"));
        let mut command = Command::new("unshare");
        command.args([flags, "--", "python3", "-B"]).arg(program);
        for number in [ports.to_string(), air.seed.to_string(), air.loss.to_string()] {
            command.arg(number);
        }
        command.args([air.farthest_ms.to_string(), air.mbit.to_string()]);
        let mut wire = Self {
            rootless: flags == "-rn",
            switch: Held::start(command, "ready")?,
            ports: Vec::new(),
            homes: Vec::new(),
            nft: nft.clone(),
        };
        for port in 0..ports {
            // Beside the switch, so that it stands in the same user namespace, if there is one.
            let command = wire.command(&["unshare", "-n", "--", "sh", "-c", "echo here; exec cat"]);
            let held = Held::start(command, "here")?;
            let pid = held.child.id();
            wire.ports.push(held);
            let words = [
                "ip",
                "link",
                "set",
                &format!("v{port}"),
                "netns",
                &pid.to_string(),
            ]
            .map(str::to_owned);
            run(&wire.enter(&wire.switch), &words, "")?;
            let mut batch = String::from("link set lo up\n");
            writeln!(batch, "link set dev v{port} address 02:56:00:00:00:{port:02x}").unwrap();
            writeln!(batch, "addr add {}/32 dev v{port}", Self::address(port)).unwrap();
            writeln!(batch, "link set v{port} up\nroute add default dev v{port}").unwrap();
            run(
                &wire.inside(port),
                &["ip", "-batch", "-"].map(str::to_owned),
                &batch,
            )?;
            wire.nft(port, "add table inet cut\n")?;
        }
        Ok(wire)
    }

    /// A port's address. Each stands in a /16 of its own, as organisations do.
    pub(crate) fn address(port: usize) -> Ipv4Addr {
        Ipv4Addr::new(10, 16 + u8::try_from(port).unwrap(), 0, 1)
    }

    /// Puts a router at this port, which translates what comes from a home network behind it and lets nobody in. What goes
    /// before a program that is to run in that network, as [`Self::HOME`]; all homes are numbered alike, as they are.
    pub(crate) fn behind(&mut self, port: usize) -> Result<Vec<String>, String> {
        let router = self.inside(port);
        let mut command = Command::new(&router[0]);
        command.args(&router[1..]);
        command.args(["unshare", "-n", "--", "sh", "-c", "echo here; exec cat"]);
        let held = Held::start(command, "here")?;
        let pid = held.child.id();
        let home = self.enter(&held);
        self.homes.push(held);
        let ip = ["ip", "-batch", "-"].map(str::to_owned);
        let batch = format!(
            "link add lan type veth peer name eth0 netns {pid}\naddr add 192.168.0.1/24 dev lan\nlink set lan up\n"
        );
        run(&router, &ip, &batch)?;
        let batch = format!(
            "link set lo up\naddr add {}/24 dev eth0\nlink set eth0 up\nroute add default via 192.168.0.1\n",
            Self::HOME
        );
        run(&home, &ip, &batch)?;
        let forward = ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"].map(str::to_owned);
        run(&router, &forward, "")?;
        let rules = format!(
            "add table ip home\n\
             add chain ip home out {{ type nat hook postrouting priority 100; }}\n\
             add rule ip home out oifname v{port} masquerade\n\
             add chain ip home in {{ type filter hook forward priority 0; }}\n\
             add rule ip home in iifname v{port} ct state new drop\n"
        );
        self.nft(port, &rules)?;
        Ok(home)
    }

    /// What goes before a program that is to run at this port.
    pub(crate) fn inside(&self, port: usize) -> Vec<String> {
        self.enter(&self.ports[port])
    }

    fn enter(&self, held: &Held) -> Vec<String> {
        let mut words = vec![
            "nsenter".to_owned(),
            "-t".to_owned(),
            held.child.id().to_string(),
            "-n".to_owned(),
        ];
        if self.rootless {
            words.extend(["-U".to_owned(), "--preserve-credentials".to_owned()]);
        }
        words.push("--".to_owned());
        words
    }

    /// Answers at this port for `mesh.example`, as a mesh writes where its seeds are, and for `seed.example`: both are that
    /// other port. Until it is dropped.
    pub(crate) fn names(&self, port: usize, seed: usize, listens: u16) -> impl Drop {
        let before = self.inside(port);
        let mut command = Command::new(&before[0]);
        command.args(&before[1..]);
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/spaces/names.py");
        command.args([
            "python3",
            "-B",
            program,
            &Self::address(seed).to_string(),
            &listens.to_string(),
        ]);
        Held::start(command, "ready").unwrap()
    }

    /// A program beside the switch.
    fn command(&self, line: &[&str]) -> Command {
        let before = self.enter(&self.switch);
        let mut command = Command::new(&before[0]);
        command.args(&before[1..]).args(line);
        command
    }

    fn nft(&self, port: usize, batch: &str) -> Result<(), String> {
        let line = [self.nft.line(), vec!["-f".to_owned(), "-".to_owned()]].concat();
        run(&self.inside(port), &line, batch)
    }

    /// From now on nothing goes between the first ports, if they are of different sides; `one_way`: the first side's words still arrive.
    pub(crate) fn cut(&self, sides: &[bool], one_way: bool) {
        for port in 0..sides.len() {
            let others = (0..sides.len()).filter(|other| sides[*other] != sides[port]);
            let others: Vec<String> = others.map(|other| Self::address(other).to_string()).collect();
            if others.is_empty() || one_way && sides[port] {
                continue;
            }
            let others = others.join(", ");
            let batch = format!(
                "flush table inet cut\n\
                 add chain inet cut in {{ type filter hook input priority 0; }}\n\
                 add rule inet cut in ip saddr {{ {others} }} drop\n"
            );
            self.nft(port, &batch).unwrap();
        }
    }

    /// Everything goes everywhere again.
    pub(crate) fn mend(&self) {
        for port in 0..self.ports.len() {
            self.nft(port, "delete table inet cut\nadd table inet cut\n")
                .unwrap();
        }
    }

    /// What the switch counted.
    pub(crate) fn counts(&mut self) -> Value {
        self.switch.input.write_all(b"counts\n").unwrap();
        let mut line = String::new();
        self.switch.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// The switch's process.
    pub(crate) fn switch(&self) -> u32 {
        self.switch.child.id()
    }
}

/// Runs a program to its end with this input.
pub(crate) fn run(before: &[String], line: &[String], input: &str) -> Result<(), String> {
    let words = [before, line].concat();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::piped());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{words:?}: {error}"))?;
    let mut pipe = child.stdin.take().unwrap();
    let written = pipe.write_all(input.as_bytes());
    drop(pipe);
    let output = child.wait_with_output().unwrap();
    if output.status.success() && written.is_ok() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("{}: {}", line.join(" "), complaint.trim()))
}

// === impl Held ===

impl Held {
    /// Starts it and waits for its first line, which must be this.
    fn start(mut command: Command, word: &str) -> Result<Self, String> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{command:?}: {error}"))?;
        let mut held = Self {
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        };
        let mut line = String::new();
        held.output.read_line(&mut line).unwrap();
        if line.trim() == word {
            return Ok(held);
        }
        let mut complaint = String::new();
        if let Some(stderr) = held.child.stderr.as_mut() {
            drop(std::io::Read::read_to_string(stderr, &mut complaint));
        }
        Err(complaint.lines().last().unwrap_or("it said nothing").to_owned())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
