//! Reading what an administrator set: files, and the values that both bouncers know. What is wrong is told with its place
//! and with what would be right.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use vigie_bouncer_client::GoDuration;

/// A range; an address stands for the range of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network(pub IpNet);

/// What is wrong, and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("{path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not right. The source names line and column.
    #[error("{path}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A value is not allowed.
    #[error("{name}: {value:?} is not {allowed}")]
    Value {
        /// The setting.
        name: &'static str,
        /// What it was.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// Nothing was said about something that has no default.
    #[error("key_file is not set: name the file that holds the bouncer's API key (--key-file)")]
    NoKey,
}

const POLL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(1);

/// What a file sets; nothing where there is no file.
pub fn load<T: DeserializeOwned + Default>(file: Option<&Path>) -> Result<T, SettingsError> {
    let Some(path) = file else {
        return Ok(T::default());
    };
    let text = std::fs::read_to_string(path).map_err(|source| SettingsError::Read {
        path: path.to_owned(),
        source,
    })?;
    toml::from_str(&text).map_err(|source| SettingsError::Parse {
        path: path.to_owned(),
        source: Box::new(source),
    })
}

/// A duration within these bounds, if it is one.
pub fn within(value: &str, bounds: &RangeInclusive<Duration>) -> Option<Duration> {
    let duration = value.parse::<GoDuration>().ok().map(GoDuration::remaining);
    duration.filter(|duration| bounds.contains(duration))
}

/// Time between two questions: ten seconds unless set.
pub(crate) fn poll(value: Option<String>) -> Result<Duration, SettingsError> {
    let value = value.unwrap_or_else(|| "10s".to_owned());
    within(&value, &POLL).ok_or(SettingsError::Value {
        name: "poll",
        value,
        allowed: "a duration from 1s to 1h",
    })
}

// === impl Network ===

impl std::str::FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let net = text
            .parse::<IpNet>()
            .or_else(|_| text.parse().map(|address: std::net::IpAddr| IpNet::from(address)));
        net.map(Self)
            .map_err(|_| format!("{text:?} is neither an address nor a range"))
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}
