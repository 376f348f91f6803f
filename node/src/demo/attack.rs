//! Which attack is replayed: that of the one address that failed most often, out of the logs that are there.
//!
//! Deliberately absent: names of files and addresses. Any directory of sshd's logs will do.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use vigie_wire::indicator::is_public;

use super::dated::Dated;

/// Where real logs are looked for if nobody says where.
const USUAL: &str = "../shared/logs";
/// Our own small log, where there are none.
const OWN: &str = include_str!("../../demo/sshd.log");
/// Fewer failures than that are no attack worth replaying.
const ENOUGH: usize = 20;
/// Lines that are replayed at most.
const REPLAYED: usize = 80;
/// Larger files are left alone, in bytes.
const LARGEST: u64 = 64 << 20;

/// An attack, as the log of its victim told it.
#[derive(Debug)]
pub(crate) struct Attack {
    /// Who attacked.
    pub(crate) address: Ipv4Addr,
    /// What the log said, in order.
    pub(crate) lines: Vec<Dated>,
    /// Where it was found, for people.
    pub(crate) origin: String,
    failures: usize,
}

// === impl Attack ===

impl Attack {
    /// Out of that directory, or the usual one; else out of our own log.
    pub(crate) fn choose(directory: Option<&Path>) -> anyhow::Result<Self> {
        let usual = Path::new(USUAL);
        let found = match directory {
            Some(named) => {
                let none = || format!("no log in {} tells of an attack on sshd", named.display());
                Some(Self::in_directory(named)?.with_context(none)?)
            }
            None if usual.is_dir() => Self::in_directory(usual)?,
            None => None,
        };
        match found {
            Some(attack) => Ok(attack),
            None => Self::in_text(OWN, "our own small log").context("our own log tells of no attack"),
        }
    }

    fn in_directory(directory: &Path) -> anyhow::Result<Option<Self>> {
        let entries =
            fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
        let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.sort();
        let small =
            |path: &PathBuf| fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= LARGEST);
        let mut best: Option<Self> = None;
        for file in files.iter().filter(|path| small(path)) {
            let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let attack = Self::in_text(&String::from_utf8_lossy(&bytes), &name);
            if attack.as_ref().map(|attack| attack.failures) > best.as_ref().map(|attack| attack.failures) {
                best = attack;
            }
        }
        Ok(best)
    }

    fn in_text(text: &str, origin: &str) -> Option<Self> {
        let lines: Vec<Dated> = text.lines().filter_map(Dated::sshd).collect();
        let (address, failures) = worst(&lines).filter(|(_, failures)| *failures >= ENOUGH)?;
        let sessions: HashSet<&str> = lines
            .iter()
            .filter(|line| line.addresses().any(|named| named == address))
            .map(Dated::session)
            .collect();
        // A session number comes back after days, so whatever names somebody else is not his.
        let his = |line: &&Dated| {
            sessions.contains(line.session()) && line.addresses().all(|named| named == address)
        };
        let chosen: Vec<Dated> = lines.iter().filter(his).take(REPLAYED).cloned().collect();
        Some(Self {
            address,
            lines: chosen,
            origin: origin.to_owned(),
            failures,
        })
    }
}

/// The public address with the most failures, of those that never got in. Ties go to the lower address.
fn worst(lines: &[Dated]) -> Option<(Ipv4Addr, usize)> {
    let mut failures: HashMap<Ipv4Addr, usize> = HashMap::new();
    let mut admitted = HashSet::new();
    for line in lines {
        if line.message().starts_with("Failed password for ") {
            line.addresses()
                .take(1)
                .for_each(|address| *failures.entry(address).or_default() += 1);
        } else if line.message().starts_with("Accepted ") {
            admitted.extend(line.addresses());
        }
    }
    failures
        .into_iter()
        .filter(|(address, _)| is_public((*address).into()) && !admitted.contains(address))
        .max_by_key(|(address, count)| (*count, std::cmp::Reverse(*address)))
}

#[cfg(test)]
mod tests;
