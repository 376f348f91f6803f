//! Where a hub is read from: a directory, or the folder of an https index.
//!
//! Every read has a bound. Plain http goes to this machine only, which tests and mirrors behind a proxy use.
//! Deliberately absent: what the bytes mean.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::Url;

use super::item::is_below;

/// What an index is called.
pub(crate) const INDEX: &str = ".index.json";
/// Behind the index' name: its signature, in minisign's form.
pub(crate) const SIGNATURE: &str = ".minisig";
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    Dir(PathBuf),
    Web { base: Url, client: reqwest::Client },
}

// === impl Origin ===

impl Origin {
    /// From what a person typed: a directory, or the address of an index or of the folder that holds it.
    pub(crate) fn open(text: &str) -> anyhow::Result<Self> {
        if !text.contains("://") {
            let dir =
                std::fs::canonicalize(text).with_context(|| format!("cannot read the hub at {text}"))?;
            if !dir.is_dir() {
                bail!("{text} is not a directory");
            }
            return Ok(Self::Dir(dir));
        }
        let folder = text.strip_suffix(INDEX).unwrap_or(text);
        let base = Url::parse(&format!("{}/", folder.trim_end_matches('/')))
            .with_context(|| format!("{text:?} is no address"))?;
        secure(&base)?;
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::custom(|attempt| {
                if attempt.previous().len() > 5 || secure(attempt.url()).is_err() {
                    attempt.stop()
                } else {
                    attempt.follow()
                }
            }))
            .build()?;
        Ok(Self::Web { base, client })
    }

    /// The file at a path below the hub, at most `limit` bytes; `None` if there is none.
    pub(crate) async fn read(&self, path: &str, limit: usize) -> anyhow::Result<Option<Vec<u8>>> {
        if !is_below(path) {
            bail!("{path:?} is no path within a hub");
        }
        match self {
            Self::Dir(dir) => read_file(dir, path, limit),
            Self::Web { base, client } => {
                let url = base.join(path).context("the index names no usable path")?;
                secure(&url)?;
                // A path may read as an address of its own, or as the way to another folder.
                if !url.as_str().starts_with(base.as_str()) {
                    bail!("{path:?} leads out of the hub");
                }
                download(client, url, limit).await
            }
        }
    }

    /// Data from the address that a rule names.
    pub(crate) async fn fetch(url: &str, limit: usize) -> anyhow::Result<Option<Vec<u8>>> {
        let url = Url::parse(url).with_context(|| format!("{url:?} is no address"))?;
        secure(&url)?;
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .https_only(url.scheme() == "https")
            .build()?;
        download(&client, url, limit).await
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dir(dir) => write!(f, "{}", dir.display()),
            Self::Web { base, .. } => write!(f, "{base}"),
        }
    }
}

fn secure(url: &Url) -> anyhow::Result<()> {
    let host = url.host_str().unwrap_or_default();
    let ip: Result<std::net::IpAddr, _> = host.trim_start_matches('[').trim_end_matches(']').parse();
    let here = ip.is_ok_and(|ip| ip.is_loopback());
    if url.scheme() == "https" || (url.scheme() == "http" && here) {
        return Ok(());
    }
    bail!("{url}: rules decide who is blocked, so they are read over https only")
}

fn read_file(dir: &Path, path: &str, limit: usize) -> anyhow::Result<Option<Vec<u8>>> {
    use std::io::Read;
    let full = dir.join(path);
    let Ok(real) = std::fs::canonicalize(&full) else {
        return Ok(None);
    };
    if !real.starts_with(dir) {
        bail!("{} leads out of the hub", full.display());
    }
    let file = std::fs::File::open(&real).with_context(|| format!("cannot read {}", full.display()))?;
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {}", full.display()))?;
    if bytes.len() > limit {
        bail!("{} is longer than {limit} bytes", full.display());
    }
    Ok(Some(bytes))
}

async fn download(client: &reqwest::Client, url: Url, limit: usize) -> anyhow::Result<Option<Vec<u8>>> {
    let mut answer = client
        .get(url.clone())
        .send()
        .await
        .with_context(|| format!("cannot reach {url}"))?;
    if answer.status() == http::StatusCode::NOT_FOUND {
        return Ok(None);
    }
    if !answer.status().is_success() {
        bail!("{url} answers {}", answer.status());
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.with_context(|| format!("{url} broke off"))? {
        if bytes.len() + chunk.len() > limit {
            bail!("{url} is longer than {limit} bytes");
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_over_https_or_from_this_machine() {
        for good in [
            "https://hub.example/x/.index.json",
            "http://127.0.0.1:80/x",
            "http://[::1]/",
        ] {
            assert!(Origin::open(good).is_ok(), "{good}");
        }
        for bad in [
            "http://hub.example/",
            "ftp://127.0.0.1/",
            "http://127.0.0.1.example/",
        ] {
            assert!(Origin::open(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_path_cannot_lead_to_another_host_or_folder() {
        let origin = Origin::open("http://127.0.0.1:9/hub/.index.json").unwrap();
        for bad in ["https:x/y", "data:a", "%2e%2e/a", "\\\\127.0.0.2/a"] {
            let error = origin.read(bad, 10).await.unwrap_err().to_string();
            assert!(!error.contains("cannot reach"), "{bad}: {error}");
        }
    }

    #[tokio::test]
    async fn a_link_cannot_lead_out_of_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "12345").unwrap();
        std::os::unix::fs::symlink("/etc/hostname", dir.path().join("b")).unwrap();
        let origin = Origin::open(dir.path().to_str().unwrap()).unwrap();
        assert_eq!(origin.read("a", 5).await.unwrap().unwrap(), b"12345");
        assert!(origin.read("a", 4).await.is_err());
        assert!(origin.read("b", 1000).await.is_err());
        assert!(origin.read("../a", 1000).await.is_err());
        assert_eq!(origin.read("c", 5).await.unwrap(), None);
    }
}
