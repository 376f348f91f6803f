//! The nft program, to look at the kernel with other eyes than ours: from PATH, or from Debian packages that
//! were unpacked under `target/peers`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where it is and which libraries it needs.
#[derive(Clone, Debug)]
pub(crate) struct Nft {
    program: PathBuf,
    libraries: Option<String>,
}

impl Nft {
    pub(crate) fn find() -> Option<Self> {
        let on_path = Self {
            program: PathBuf::from("nft"),
            libraries: None,
        };
        std::iter::once(on_path).chain(unpacked()).find(Self::runs)
    }

    fn runs(&self) -> bool {
        let mut command = Command::new(self.line()[0].clone());
        command.args(&self.line()[1..]).arg("--version");
        command.output().is_ok_and(|output| output.status.success())
    }

    /// The command line, for use behind nsenter.
    pub(crate) fn line(&self) -> Vec<String> {
        let program = self.program.display().to_string();
        match &self.libraries {
            None => vec![program],
            Some(libraries) => vec!["env".to_owned(), format!("LD_LIBRARY_PATH={libraries}"), program],
        }
    }
}

fn unpacked() -> Vec<Nft> {
    // Tests of other crates use this file too, and stand elsewhere below the root.
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let Some(roots) = above
        .skip(1)
        .find_map(|folder| std::fs::read_dir(folder.join("target/peers")).ok())
    else {
        return Vec::new();
    };
    let mut roots: Vec<PathBuf> = roots
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    roots.sort_unstable();
    // Packages may have been unpacked each into a root of its own, so the libraries may be in any of them.
    let folders = [
        "usr/lib/x86_64-linux-gnu",
        "lib/x86_64-linux-gnu",
        "usr/lib/aarch64-linux-gnu",
    ];
    let libraries: Vec<String> = roots
        .iter()
        .flat_map(|root| folders.map(|folder| root.join(folder)))
        .filter(|folder| folder.is_dir())
        .map(|folder| folder.display().to_string())
        .collect();
    let programs = roots
        .iter()
        .map(|root| root.join("usr/sbin/nft"))
        .filter(|program| program.is_file());
    programs
        .map(|program| Nft {
            program,
            libraries: Some(libraries.join(":")),
        })
        .collect()
}
