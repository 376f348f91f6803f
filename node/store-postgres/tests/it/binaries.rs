//! Where a PostgreSQL is on this machine, and how its programs are started without being root.
//!
//! Tests of the sensor read this file too, for the lines that a real server logs. Deliberately absent: a server.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Nobody and his group: PostgreSQL refuses to run as root.
pub(crate) const NOBODY: u32 = 65_534;

/// Beside the program path: where Debian puts the versions, and where unpacked packages stand.
pub(crate) fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates: Vec<_> = std::env::split_paths(&path).collect();
    candidates.extend(versions(Path::new("/usr/lib/postgresql")));
    // From whichever crate this is read.
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    for peer in above.flat_map(|above| entries(&above.join("target/peers"))) {
        candidates.extend(versions(&peer.join("usr/lib/postgresql")));
    }
    let here = |name: &str, candidate: &Path| candidate.join(name).canonicalize().ok();
    candidates.iter().find_map(|candidate| {
        // In PATH there may be a link to one of them; its neighbours stand where it points.
        let postgres = here("postgres", candidate)?;
        let directory = postgres.parent()?.to_owned();
        here("initdb", &directory).map(|_| directory)
    })
}

/// The `bin` directories below, newest version first.
fn versions(below: &Path) -> Vec<PathBuf> {
    let mut versions: Vec<_> = entries(below).iter().map(|version| version.join("bin")).collect();
    versions.sort();
    versions.reverse();
    versions
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

/// A command as nobody if we are root, with the libraries of an unpacked package beside its binaries.
pub(crate) fn unprivileged(root: bool, binaries: &Path, program: &Path) -> Command {
    let mut command = if root {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(program);
        command
    } else {
        Command::new(program)
    };
    // <peer>/usr/lib/postgresql/15/bin -> <peer>/usr/lib
    if let Some(usr_lib) = binaries
        .ancestors()
        .nth(3)
        .filter(|lib| *lib != Path::new("/usr/lib"))
    {
        let mut paths = OsString::from(usr_lib);
        for triplet in entries(usr_lib)
            .iter()
            .filter(|path| path.to_string_lossy().ends_with("-linux-gnu"))
        {
            paths.push(":");
            paths.push(triplet);
        }
        command.env("LD_LIBRARY_PATH", paths);
    }
    command.current_dir("/").env("LC_ALL", "C");
    command
}
