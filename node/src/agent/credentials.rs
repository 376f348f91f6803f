//! Where a Local API is and who we are there, in the file that CrowdSec's own agents keep it in
//! (`local_api_credentials.yaml`: `url`, `login`, `password`, or `ca_cert_path`, `cert_path`, `key_path`).
//!
//! A password never stands in an error, a log or a `Debug`. Deliberately absent: flags, which are the command's.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use saphyr_parser::{Event, Parser};
use secrecy::{ExposeSecret, SecretString};

use crate::paths::write_private;

/// Longer than any such file.
const MAX_BYTES: u64 = 64 << 10;

/// What such a file says.
#[derive(Debug, Default)]
pub(crate) struct Credentials {
    pub(crate) url: Option<String>,
    pub(crate) login: Option<String>,
    pub(crate) password: Option<SecretString>,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

// === impl Credentials ===

impl Credentials {
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = private(path)?;
        Self::parse(&text).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Keys that it does not know are for others.
    fn parse(text: &str) -> anyhow::Result<Self> {
        let mut found = Self::default();
        let (mut depth, mut key) = (0_usize, None::<String>);
        for event in Parser::new_from_str(text) {
            let (event, span) = event?;
            let line = span.start.line();
            match event {
                Event::MappingStart(..) | Event::SequenceStart(..) => {
                    if depth == 0 && matches!(event, Event::SequenceStart(..)) {
                        bail!("line {line}: a mapping is expected, such as `url: http://127.0.0.1:8080`");
                    }
                    depth += 1;
                }
                Event::MappingEnd | Event::SequenceEnd => {
                    depth = depth.saturating_sub(1);
                    if depth == 1 {
                        key = None;
                    }
                }
                Event::Scalar(text, ..) if depth == 1 => match key.take() {
                    None => key = Some(text.into_owned()),
                    Some(key) => found.set(&key, &text),
                },
                Event::Scalar(..) if depth == 0 => {
                    bail!("line {line}: a mapping is expected, such as `url: http://127.0.0.1:8080`");
                }
                Event::Alias(_) if depth == 1 => bail!("line {line}: an alias is not understood here"),
                _ => {}
            }
        }
        Ok(found)
    }

    fn set(&mut self, key: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        match key {
            "url" => self.url = Some(value.to_owned()),
            "login" => self.login = Some(value.to_owned()),
            "password" => self.password = Some(value.into()),
            "ca_cert_path" => self.ca = Some(value.into()),
            "cert_path" => self.certificate = Some(value.into()),
            "key_path" => self.key = Some(value.into()),
            _ => {}
        }
    }

    /// Writes a file that this and CrowdSec's programs read, for its owner alone.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let path_of = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let password = self.password.as_ref();
        let pairs = [
            ("url", self.url.clone()),
            ("login", self.login.clone()),
            (
                "password",
                password.map(|password| password.expose_secret().to_owned()),
            ),
            ("ca_cert_path", path_of(&self.ca)),
            ("cert_path", path_of(&self.certificate)),
            ("key_path", path_of(&self.key)),
        ];
        let mut text = String::new();
        for (key, value) in pairs {
            if let Some(value) = value {
                // A JSON string is a YAML string in double quotes.
                text.push_str(&format!("{key}: {}\n", serde_json::to_string(&value)?));
            }
        }
        write_private(path, &text)
    }
}

/// A short file that should be its owner's alone; a warning if it is not.
pub(crate) fn private(path: &Path) -> anyhow::Result<String> {
    use std::io::Read;
    let read = || -> std::io::Result<(String, bool)> {
        let file = std::fs::File::open(path)?;
        let open = file.metadata()?.mode() & 0o044 != 0;
        let mut text = String::new();
        file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
        Ok((text, open))
    };
    let (text, open) = read().with_context(|| format!("cannot read {}", path.display()))?;
    if text.len() as u64 > MAX_BYTES {
        bail!("{} is longer than {MAX_BYTES} bytes", path.display());
    }
    if open {
        tracing::warn!(
            "{} holds a password and others may read it: run chmod 600 on it",
            path.display()
        );
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_original_is_read_whatever_else_it_says() {
        let text = "---\nurl: http://127.0.0.1:8080/ # here\nlogin: 'web-1'\npassword: \"p: w\\\"\"\n\
                    papi_url:\nother: {password: no, list: [a, b]}\nca_cert_path: /etc/ca.pem\n";
        let found = Credentials::parse(text).unwrap();
        assert_eq!(found.url.as_deref(), Some("http://127.0.0.1:8080/"));
        assert_eq!(found.login.as_deref(), Some("web-1"));
        assert_eq!(found.password.as_ref().unwrap().expose_secret(), "p: w\"");
        assert_eq!(found.ca.as_deref(), Some(Path::new("/etc/ca.pem")));
        assert!(!format!("{found:?}").contains("p: w"));
    }

    #[test]
    fn what_is_no_mapping_says_where() {
        for wrong in ["- a\n", "just a word\n", "url: *x\n", "url: [\n"] {
            assert!(Credentials::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("credentials.yaml");
        let written = Credentials {
            url: Some("https://lapi.example/".to_owned()),
            login: Some("a # b".to_owned()),
            password: Some("\"'\\ \u{7f}#: y".into()),
            ..Credentials::default()
        };
        written.write(&path).unwrap();
        let read = Credentials::read(&path).unwrap();
        assert_eq!((read.url, read.login), (written.url, written.login));
        assert_eq!(read.password.unwrap().expose_secret(), "\"'\\ \u{7f}#: y");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    proptest::proptest! {
        #[test]
        fn nothing_in_such_a_file_is_too_odd(text in "(url|login|password|\\PC|[:\\-\\[\\]{}&*!|>'\"#\n ])*") {
            drop(Credentials::parse(&text));
        }
    }
}
