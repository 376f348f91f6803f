//! Two network namespaces for each organisation, joined by a cable: its target behind its firewall, and the outside.
//!
//! As root, or else inside a user namespace. Nothing in them is connected to this machine's network, so the
//! attacker's real address can stand there and nothing leaves. They are gone with the processes that hold them.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::ChildStdout;

use super::child::{Child, Line};

/// The target's address and port inside its namespace.
const TARGET: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 77, 0, 1), 22);
/// How long a namespace may take to be there.
const PATIENCE: Duration = Duration::from_secs(10);

/// How this machine makes namespaces.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    ip: &'static str,
    rootless: bool,
}

/// Both sides of one organisation's firewall.
#[derive(Debug)]
pub(crate) struct Spaces {
    tools: Tools,
    target: Child,
    outside: Child,
}

// === impl Tools ===

impl Tools {
    /// Tries what this machine allows. The error is the sentence that says why there are no firewalls.
    pub(crate) async fn find() -> anyhow::Result<Self> {
        let mut ip = None;
        // Debian keeps ip out of a user's PATH.
        for place in ["ip", "/usr/sbin/ip", "/sbin/ip"] {
            if ip.is_none() && Line::new(&[place, "-V"]).output().await.is_ok() {
                ip = Some(place);
            }
        }
        let mut missing = Vec::new();
        if ip.is_none() {
            missing.push("ip (Debian's package iproute2)");
        }
        for (program, name) in [
            ("unshare", "unshare (Debian's package util-linux)"),
            ("nsenter", "nsenter (Debian's package util-linux)"),
        ] {
            if Line::new(&[program, "--version"]).output().await.is_err() {
                missing.push(name);
            }
        }
        let Some(ip) = ip.filter(|_| missing.is_empty()) else {
            bail!("this machine lacks {}", missing.join(" and "));
        };
        for (flags, rootless) in [("-n", false), ("-rn", true)] {
            if Line::new(&["unshare", flags, "true"]).output().await.is_ok() {
                return Ok(Self { ip, rootless });
            }
        }
        bail!("this machine allows network namespaces neither to us nor inside a user namespace")
    }

    /// How firewalls are held here, for people.
    pub(crate) fn describe(&self) -> &'static str {
        if self.rootless {
            "in a user namespace"
        } else {
            "as root"
        }
    }

    /// What goes before a program that is to run in the namespaces of that process.
    fn enter(&self, pid: u32) -> Line {
        let line = Line::new(&["nsenter", "-t", &pid.to_string(), "-n"]);
        let line = if self.rootless {
            line.and(&["-U", "--preserve-credentials"])
        } else {
            line
        };
        line.and(&["--"])
    }
}

// === impl Spaces ===

impl Spaces {
    /// Makes both, joined, with those addresses outside. Also gives what the outside says of its attempts.
    pub(crate) async fn new(
        tools: &Tools,
        outside: [Ipv4Addr; 2],
        journal: &Path,
    ) -> anyhow::Result<(Self, BufReader<ChildStdout>)> {
        let flags = if tools.rootless { "-rn" } else { "-n" };
        let anywhere = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, TARGET.port()).to_string();
        let part = Line::vigie()?.and(&["demo-part", "target", &anywhere]);
        let (target, _) = ready(&Line::new(&["unshare", flags, "--"]).then(part), journal).await?;
        let probe = Line::vigie()?.and(&["demo-part", "probe", &TARGET.to_string()]);
        let probe = probe.and(&[&outside[0].to_string(), &outside[1].to_string()]);
        let beside = if tools.rootless {
            tools.enter(target.pid())
        } else {
            Line::default()
        };
        let (prober, attempts) = ready(&beside.and(&["unshare", "-n", "--"]).then(probe), journal).await?;
        let spaces = Self {
            tools: tools.clone(),
            target,
            outside: prober,
        };
        spaces.join(outside).await?;
        Ok((spaces, attempts))
    }

    /// A cable between them, and routes to each other only.
    async fn join(&self, outside: [Ipv4Addr; 2]) -> anyhow::Result<()> {
        let here = format!(
            "link set lo up\nlink add out0 type veth peer name in0 netns {}\naddr add {}/32 dev out0\n\
             link set out0 up\nroute add default dev out0\n",
            self.outside.pid(),
            TARGET.ip()
        );
        self.ip(self.target.pid(), &here).await?;
        let [attacker, innocent] = outside;
        let there = format!(
            "link set lo up\naddr add {attacker}/32 dev in0\naddr add {innocent}/32 dev in0\n\
             link set in0 up\nroute add {}/32 dev in0\n",
            TARGET.ip()
        );
        self.ip(self.outside.pid(), &there).await
    }

    async fn ip(&self, pid: u32, batch: &str) -> anyhow::Result<()> {
        let line = self.tools.enter(pid).and(&[self.tools.ip, "-batch", "-"]);
        let mut command = line.command()?;
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = command.spawn().context("cannot start nsenter")?;
        let mut input = process.stdin.take().context("a pipe is missing")?;
        input.write_all(batch.as_bytes()).await?;
        drop(input);
        let output = process.wait_with_output().await?;
        if !output.status.success() {
            bail!(
                "ip cannot set up a namespace: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(())
    }

    /// What goes before a program that is to run at the target.
    pub(crate) fn at_target(&self) -> Line {
        self.tools.enter(self.target.pid())
    }

    /// Ends both, and with them the namespaces.
    pub(crate) async fn end(self) {
        tokio::join!(self.outside.end(), self.target.end());
    }
}

/// Starts a part of this program and waits until it says that it is ready, so that it stands in its namespace.
async fn ready(line: &Line, journal: &Path) -> anyhow::Result<(Child, BufReader<ChildStdout>)> {
    let (child, output) = Child::start_part(line, journal)?;
    let mut output = BufReader::new(output);
    let mut word = String::new();
    let read = tokio::time::timeout(PATIENCE, output.read_line(&mut word)).await;
    if !matches!(read, Ok(Ok(_))) || word.trim() != "ready" {
        bail!("a namespace was not made: {}", child.last_words().trim());
    }
    Ok((child, output))
}
