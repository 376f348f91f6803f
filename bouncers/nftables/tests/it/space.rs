//! A network namespace of a test's own, as root or as anybody where the machine allows user namespaces.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::nft::Nft;

/// Lives until dropped.
pub(crate) struct Space {
    holder: Child,
    rootless: bool,
    nft: Nft,
}

/// What a set holds: each value with the seconds it has left.
pub(crate) type Members = BTreeMap<String, u64>;

const PATIENCE: Duration = Duration::from_secs(20);
const GLANCE: Duration = Duration::from_millis(20);

/// Waits until this holds; looks often.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::park_timeout(GLANCE);
    }
}

/// Whether this machine's kernel is of this version or a later one.
pub(crate) fn kernel_is_at_least(version: [u32; 2]) -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(['.', '-']).map(|word| word.trim().parse());
    let mut next = || numbers.next().and_then(Result::ok).unwrap_or(0);
    [next(), next()] >= version
}

impl Space {
    /// A new namespace, or why there is none.
    pub(crate) fn new() -> Result<Self, &'static str> {
        let nft = Nft::find().ok_or("nft is neither on PATH nor unpacked under target/peers")?;
        for flags in ["-n", "-rn"] {
            let mut command = Command::new("unshare");
            command
                .args([flags, "sleep", "1000"])
                .stdin(Stdio::null())
                .stderr(Stdio::null());
            let Ok(holder) = command.spawn() else {
                return Err("unshare cannot be started");
            };
            let mut space = Self {
                holder,
                rootless: flags == "-rn",
                nft: nft.clone(),
            };
            if space.is_ready() && space.can_nft() {
                return Ok(space);
            }
        }
        Err("no network namespaces with nftables on this machine")
    }

    /// Another network namespace beside this one, under the same user namespace.
    pub(crate) fn beside(&self) -> Self {
        let mut command = self.command("unshare");
        let holder = command
            .args(["-n", "sleep", "1000"])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut space = Self {
            holder,
            rootless: self.rootless,
            nft: self.nft.clone(),
        };
        assert!(space.is_ready(), "a second namespace");
        space
    }

    pub(crate) fn pid(&self) -> u32 {
        self.holder.id()
    }

    /// The holder executes sleep only after it has made its namespaces.
    fn is_ready(&mut self) -> bool {
        let path = format!("/proc/{}/comm", self.pid());
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if std::fs::read_to_string(&path).is_ok_and(|name| name.trim() == "sleep") {
                return true;
            }
            if self.holder.try_wait().is_ok_and(|ended| ended.is_some()) {
                return false;
            }
            std::thread::park_timeout(GLANCE);
        }
        false
    }

    fn can_nft(&self) -> bool {
        let mut command = self.nft_command();
        command
            .args(["list", "ruleset"])
            .output()
            .is_ok_and(|output| output.status.success())
    }

    /// A program, to run inside.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.pid().to_string(), "-n"]);
        if self.rootless {
            command.args(["-U", "--preserve-credentials"]);
        }
        command.args(["--", program]);
        command
    }

    pub(crate) fn run(&self, line: &str) -> String {
        let mut words = line.split_whitespace();
        let output = self.command(words.next().unwrap()).args(words).output().unwrap();
        assert!(
            output.status.success(),
            "{line}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    fn nft_command(&self) -> Command {
        let line = self.nft.line();
        let mut command = self.command(&line[0]);
        command.args(&line[1..]);
        command
    }

    pub(crate) fn try_nft(&self, arguments: &[&str]) -> Option<String> {
        let output = self.nft_command().args(arguments).output().unwrap();
        output
            .status
            .success()
            .then(|| String::from_utf8(output.stdout).unwrap())
    }

    pub(crate) fn nft(&self, arguments: &[&str]) -> String {
        let output = self.nft_command().args(arguments).output().unwrap();
        assert!(
            output.status.success(),
            "nft {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Names of the sets of a kind that our table has, one for each generation.
    pub(crate) fn sets(&self, kind: &str) -> Vec<String> {
        let listed = self.listed(&["-j", "-t", "list", "table", "inet", "vigie"]);
        let names = listed.iter().filter_map(|item| item["map"]["name"].as_str());
        let numbered = |name: &&str| {
            let number = name.strip_prefix(kind).and_then(|rest| rest.strip_prefix('_'));
            number.is_some_and(|number| number.parse::<u32>().is_ok())
        };
        names.filter(numbered).map(str::to_owned).collect()
    }

    /// What the sets of a kind hold together, as nft sees them. Empty if there are none.
    pub(crate) fn members(&self, kind: &str) -> Members {
        let sets = self.sets(kind);
        let members = sets.iter().map(|set| self.members_of(set));
        members.flatten().collect()
    }

    /// What one set of our table holds, as nft sees it. Empty if there is no such set.
    pub(crate) fn members_of(&self, set: &str) -> Members {
        let listed = self.listed(&["-j", "list", "map", "inet", "vigie", set]);
        let elements = listed.iter().filter_map(|item| item["map"]["elem"].as_array());
        elements.flatten().map(|pair| member(&pair[0]["elem"])).collect()
    }

    /// How many packets each counter of our table has counted.
    pub(crate) fn counters(&self) -> BTreeMap<String, u64> {
        let listed = self.listed(&["-j", "list", "counters", "table", "inet", "vigie"]);
        let counters = listed.iter().map(|item| &item["counter"]);
        let counters = counters.filter_map(|item| Some((item["name"].as_str()?, item["packets"].as_u64()?)));
        counters
            .map(|(name, packets)| (name.to_owned(), packets))
            .collect()
    }

    fn listed(&self, arguments: &[&str]) -> Vec<serde_json::Value> {
        let Some(text) = self.try_nft(arguments) else {
            return Vec::new();
        };
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        json["nftables"].as_array().cloned().unwrap_or_default()
    }

    pub(crate) fn values(&self, kind: &str) -> Vec<String> {
        self.members(kind).into_keys().collect()
    }
}

fn member(elem: &serde_json::Value) -> (String, u64) {
    let value = &elem["val"];
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let name = if let Some(prefix) = value.get("prefix") {
        format!("{}/{}", text(&prefix["addr"]), prefix["len"])
    } else if let Some(range) = value.get("range") {
        format!("{}-{}", text(&range[0]), text(&range[1]))
    } else {
        text(value)
    };
    (name, elem["expires"].as_u64().unwrap_or(u64::MAX))
}

impl Drop for Space {
    fn drop(&mut self) {
        self.holder.kill().unwrap_or_default();
        drop(self.holder.wait());
    }
}
