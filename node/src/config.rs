//! The configuration file: what it may say, what holds without it, and where a mistake stands.
//!
//! One struct a section, each in its file with its checks. Deliberately absent: what commands change at run
//! time (joined network, anchors, enforcement), which lives in the store; see `settings`.

mod api;
mod appsec;
mod mesh;
mod policy;
mod profile;
mod sensor;
mod share;
mod store;

use std::fmt;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(crate) use api::{Api, Tls};
pub(crate) use appsec::Appsec;
pub(crate) use mesh::Mesh;
pub(crate) use policy::{Policy, Remote, canonical, network};
pub(crate) use sensor::{Input, Sensor, Sources};
pub(crate) use share::Share;
pub(crate) use store::Store;

/// The commented file that `vigie init --config` writes: every line that sets something is the default.
pub(crate) const EXAMPLE: &str = include_str!("config/example.toml");

/// Everything a file can set.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Config {
    pub(crate) api: Api,
    pub(crate) appsec: Appsec,
    pub(crate) mesh: Mesh,
    pub(crate) policy: Policy,
    pub(crate) sensor: Sensor,
    pub(crate) share: Share,
    pub(crate) store: Store,
}

/// One mistake and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    file: PathBuf,
    line: usize,
    column: usize,
    message: String,
}

/// All mistakes of a file.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub(crate) struct Mistakes(pub(crate) Vec<Mistake>);

/// A mistake inside a section: the place in the file's bytes, and what is allowed there.
type Wrong = (Range<usize>, String);

/// What every section can do: say what is wrong with its values beyond their types.
trait Section: DeserializeOwned {
    fn check(&self) -> Vec<Wrong>;
}

// === impl Config ===

impl Config {
    /// The file's content, or what holds without one.
    pub(crate) fn load(path: &Path, required: bool) -> anyhow::Result<Self> {
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let config = Self::parse(path, &text)?;
                let open = std::fs::metadata(path).is_ok_and(|found| found.mode() & 0o044 != 0);
                if open && config.store.tells_password() {
                    tracing::warn!(
                        "{} tells a database's password and others may read it: run chmod 600 on it",
                        path.display()
                    );
                }
                Ok(config)
            }
            Err(missing) if missing.kind() == std::io::ErrorKind::NotFound && !required => {
                Ok(Self::default())
            }
            Err(error) => Err(anyhow::Error::new(error).context(format!("cannot read {}", path.display()))),
        }
    }

    /// Reads the text of a file, collecting one mistake for each section and each unknown section.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, Mistakes> {
        let mut reader = Reader {
            path,
            text,
            mistakes: Vec::new(),
        };
        let mut config = Self::default();
        match DeTable::parse(text) {
            Ok(table) => {
                for (name, value) in table.into_inner() {
                    match name.get_ref().as_ref() {
                        "api" => reader.section(value, &mut config.api),
                        "appsec" => reader.section(value, &mut config.appsec),
                        "mesh" => reader.section(value, &mut config.mesh),
                        "policy" => reader.section(value, &mut config.policy),
                        "sensor" => reader.section(value, &mut config.sensor),
                        "share" => reader.section(value, &mut config.share),
                        "store" => reader.section(value, &mut config.store),
                        other => reader.wrong(
                            name.span(),
                            format!(
                                "there is no section [{other}]; allowed are api, appsec, mesh, policy, sensor, share, store"
                            ),
                        ),
                    }
                }
            }
            Err(error) => reader.wrong(error.span().unwrap_or_default(), error.message().to_owned()),
        }
        if reader.mistakes.is_empty() {
            Ok(config)
        } else {
            Err(Mistakes(reader.mistakes))
        }
    }
}

// === reading ===

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    fn section<S: Section>(&mut self, value: Spanned<DeValue<'_>>, into: &mut S) {
        let span = value.span();
        match S::deserialize(toml::de::ValueDeserializer::from(value)) {
            Ok(section) => {
                for (place, message) in section.check() {
                    self.wrong(place, message);
                }
                *into = section;
            }
            Err(error) => self.wrong(error.span().unwrap_or(span), error.message().to_owned()),
        }
    }

    fn wrong(&mut self, place: Range<usize>, message: String) {
        let before = self.text.get(..place.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        self.mistakes.push(Mistake {
            file: self.path.to_owned(),
            line,
            column,
            message,
        });
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}",
            self.file.display(),
            self.line,
            self.column,
            self.message
        )
    }
}

/// Durations as people write them: `30s`, `10m`, `4h`, `3d`.
pub(crate) fn duration(text: &str) -> Option<std::time::Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().ok()?;
    let secs = match text.get(digits.len()..)? {
        "s" => number,
        "m" => number.checked_mul(60)?,
        "h" => number.checked_mul(3_600)?,
        "d" => number.checked_mul(86_400)?,
        _ => return None,
    };
    Some(std::time::Duration::from_secs(secs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> String {
        Config::parse(Path::new("vigie.toml"), text)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn the_example_says_what_holds_without_a_file() {
        let config = Config::parse(Path::new("example"), EXAMPLE).unwrap();
        assert_eq!(
            config.api.listen.get_ref(),
            Config::default().api.listen.get_ref()
        );
        assert_eq!(
            config.appsec.listen.get_ref(),
            Config::default().appsec.listen.get_ref()
        );
        assert_eq!(config.policy.remote, Config::default().policy.remote);
        assert_eq!(
            config.policy.ban.get_ref(),
            Config::default().policy.ban.get_ref()
        );
        let numbers = |config: &Config| {
            let policy = &config.policy;
            (
                policy.ipv6_prefix(),
                *policy.remember_users.get_ref(),
                *policy.remember_visitors.get_ref(),
            )
        };
        assert_eq!(numbers(&config), numbers(&Config::default()));
        assert_eq!(
            config.policy.warning_lists,
            Config::default().policy.warning_lists
        );
        assert_eq!(config.sensor.sources, Config::default().sensor.sources);
        assert_eq!(
            config.sensor.bucket_mib.get_ref(),
            Config::default().sensor.bucket_mib.get_ref()
        );
        assert_eq!(config.share, Config::default().share);
        assert_eq!(config.store.url, Config::default().store.url);
    }

    #[test]
    fn every_mistake_names_its_place_and_what_is_allowed() {
        assert_eq!(
            mistakes("[api]\nlisten = \"nowhere\"\n\n[polcy]\nx = 1\n[policy]\nban = \"4 hours\"\n"),
            "vigie.toml:2:10: \"nowhere\" is not an address and port such as 127.0.0.1:8480\n\
             vigie.toml:4:2: there is no section [polcy]; allowed are api, appsec, mesh, policy, sensor, share, store\n\
             vigie.toml:7:7: \"4 hours\" is not a duration between 1m and 72h such as 30m or 4h"
        );
        assert_eq!(
            mistakes("[appsec]\nlisten = \"7422\"\n"),
            "vigie.toml:2:10: \"7422\" is not an address and port such as 127.0.0.1:7422, nor empty"
        );
        assert_eq!(
            mistakes("[policy]\nremote = \"on\"\n"),
            "vigie.toml:2:10: unknown variant `on`, expected one of `off`, `simulate`, `enforce`"
        );
        assert_eq!(
            mistakes("[sensor]\nbucket_mib = 1\n"),
            "vigie.toml:2:14: 1 is not between 16 and 65536 (MiB)"
        );
        assert_eq!(
            mistakes("[share]\ndelay = \"0s\"\n"),
            "vigie.toml:2:9: \"0s\" is not a duration between 1s and 6h such as 15m"
        );
        assert_eq!(
            mistakes("[policy]\nremember_visitors = 5\n"),
            "vigie.toml:2:21: 5 is not between 1000 and 100000000"
        );
        let unknown = mistakes("[policy]\nclasses = { \"a list\" = \"nat\" }\n");
        assert!(
            unknown.starts_with("vigie.toml:2:24: unknown variant `nat`, expected one of `ordinary`"),
            "{unknown}"
        );
        let unknown = mistakes("[sensor]\nsourcs = 1\n");
        assert!(
            unknown.starts_with("vigie.toml:2:1: unknown field `sourcs`, expected"),
            "{unknown}"
        );
        assert!(mistakes("[api\n").starts_with("vigie.toml:1:"));
    }

    #[test]
    fn durations_are_whole_and_have_a_unit() {
        assert_eq!(duration("4h"), Some(std::time::Duration::from_secs(14_400)));
        for wrong in [
            "4",
            "h",
            "4 h",
            "-1h",
            "4w",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }
}
