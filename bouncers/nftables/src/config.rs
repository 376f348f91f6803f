//! Configuration: built-in defaults, then the file, then flags. A key is named by file, never given itself.

use std::path::PathBuf;

use clap::Args;
use ipnet::IpNet;
use serde::Deserialize;
use vigie_bouncer_client::{Databases, TableConfig};
use vigie_bouncer_daemon::node::Said;
use vigie_bouncer_daemon::{Network, Node, SettingsError};

use crate::layout::Layout;
use crate::transaction::Hook;

/// What can be set, by file (each name with `_`) and by flag.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Local API: `http://host:port`, `https://host:port` or `unix:///path` [default: `http://127.0.0.1:8480`]
    #[arg(long)]
    pub url: Option<String>,
    /// File that holds the bouncer's API key
    #[arg(long)]
    pub key_file: Option<PathBuf>,
    /// PEM file of certificates to trust instead of the system's
    #[arg(long)]
    pub ca_file: Option<PathBuf>,
    /// How often to ask, where the node does not push [default: 10s]
    #[arg(long)]
    pub poll: Option<String>,
    /// Do not use the node's push even if it offers one
    #[arg(long, num_args = 0..=1, default_missing_value = "true")]
    pub no_push: Option<bool>,
    /// Remediations that are enforced by dropping [default: ban]
    #[arg(long = "remediation", value_name = "NAME")]
    pub remediations: Option<Vec<String>>,
    /// Addresses and ranges never to be dropped; may be given several times
    #[arg(long)]
    pub allow: Option<Vec<Network>>,
    /// Database of countries (mmdb): keep out those that decisions name [default: none]
    #[arg(long)]
    pub countries: Option<PathBuf>,
    /// Database of autonomous systems (mmdb): keep out those that decisions name [default: none]
    #[arg(long)]
    pub systems: Option<PathBuf>,
    /// Where to write when the node was last heard, as Prometheus reads it [default: nowhere]
    #[arg(long)]
    pub metrics: Option<PathBuf>,
    /// Name of our nftables table [default: vigie]
    #[arg(long)]
    pub table: Option<String>,
    /// Hooks to drop at: input, forward [default: both]
    #[arg(long = "hook", value_name = "HOOK")]
    pub hooks: Option<Vec<String>>,
    /// Priority of our chains; lower is earlier [default: -10]
    #[arg(long, allow_negative_numbers = true)]
    pub priority: Option<i32>,
}

/// Everything set and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Whom to follow.
    pub node: Node,
    /// See [`Settings::remediations`].
    pub remediations: Vec<String>,
    /// See [`Settings::allow`].
    pub allow: Vec<IpNet>,
    /// See [`Settings::metrics`].
    pub metrics: Option<PathBuf>,
    /// See [`Settings::table`].
    pub table: String,
    /// See [`Settings::hooks`].
    pub hooks: Vec<Hook>,
    /// See [`Settings::priority`].
    pub priority: i32,
}

// === impl Settings ===

impl Settings {
    /// These settings, and what `below` says where these say nothing.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        Self {
            url: self.url.or(below.url),
            key_file: self.key_file.or(below.key_file),
            ca_file: self.ca_file.or(below.ca_file),
            poll: self.poll.or(below.poll),
            no_push: self.no_push.or(below.no_push),
            remediations: self.remediations.or(below.remediations),
            allow: self.allow.or(below.allow),
            countries: self.countries.or(below.countries),
            systems: self.systems.or(below.systems),
            metrics: self.metrics.or(below.metrics),
            table: self.table.or(below.table),
            hooks: self.hooks.or(below.hooks),
            priority: self.priority.or(below.priority),
        }
    }

    /// The name of the table, checked; all that removing needs.
    pub fn table(&self) -> Result<String, SettingsError> {
        let table = self.table.clone().unwrap_or_else(|| "vigie".to_owned());
        let plain = table
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let begins = table
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphabetic());
        if plain && begins && table.len() <= 31 {
            return Ok(table);
        }
        let allowed = "a letter followed by at most 30 letters, digits and _";
        Err(SettingsError::Value {
            name: "table",
            value: table,
            allowed,
        })
    }

    /// Fills in the defaults and checks everything.
    pub fn finish(self) -> Result<Config, SettingsError> {
        let table = self.table()?;
        let node = Said {
            url: self.url,
            key_file: self.key_file,
            ca_file: self.ca_file,
            poll: self.poll,
            no_push: self.no_push,
            databases: Databases {
                countries: self.countries,
                systems: self.systems,
            },
        };
        Ok(Config {
            node: node.checked()?,
            remediations: self.remediations.unwrap_or_else(|| vec!["ban".to_owned()]),
            allow: self
                .allow
                .unwrap_or_default()
                .into_iter()
                .map(|net| net.0)
                .collect(),
            metrics: self.metrics,
            table,
            hooks: hooks(self.hooks)?,
            priority: self.priority.unwrap_or(-10),
        })
    }
}

fn hooks(names: Option<Vec<String>>) -> Result<Vec<Hook>, SettingsError> {
    let Some(names) = names else {
        return Ok(vec![Hook::Input, Hook::Forward]);
    };
    let wrong = |value: String| SettingsError::Value {
        name: "hooks",
        value,
        allowed: "input or forward",
    };
    if names.is_empty() {
        return Err(wrong(String::new()));
    }
    let mut hooks: Vec<Hook> = names
        .into_iter()
        .map(|name| Hook::named(&name).ok_or_else(|| wrong(name)))
        .collect::<Result<_, _>>()?;
    hooks.sort_unstable();
    hooks.dedup();
    Ok(hooks)
}

// === impl Config ===

impl Config {
    /// The form of our table.
    pub fn layout(&self) -> Layout {
        Layout {
            hooks: self.hooks.clone(),
            priority: self.priority,
        }
    }

    /// Which decisions to take.
    pub fn accept(&self) -> TableConfig {
        TableConfig {
            kinds: self.remediations.clone(),
            allow: self.allow.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn config(text: &str) -> Result<Config, String> {
        let settings: Settings = toml::from_str(text).map_err(|error| error.to_string())?;
        settings.finish().map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_file_is_all_that_is_needed() {
        let config = config("key_file = '/k'").unwrap();
        assert_eq!(
            (config.table.as_str(), config.node.poll, config.node.push),
            ("vigie", Duration::from_secs(10), true)
        );
        assert_eq!(config.hooks, [Hook::Input, Hook::Forward]);
    }

    #[test]
    fn mistakes_are_named_with_what_is_allowed() {
        let error = |text: &str| config(text).unwrap_err();
        assert!(error("").starts_with("key_file is not set"));
        assert_eq!(
            error("key_file='k'\npoll='1d'"),
            "poll: \"1d\" is not a duration from 1s to 1h"
        );
        assert_eq!(
            error("key_file='k'\nhooks=['output']"),
            "hooks: \"output\" is not input or forward"
        );
        assert!(error("key_file='k'\ntable='a b'").starts_with("table: \"a b\" is not a letter followed by"));
        let unknown = error("key_file='k'\nkeyfile='x'");
        assert!(
            unknown.contains("line 2, column 1") && unknown.contains("unknown field `keyfile`"),
            "{unknown}"
        );
        assert!(error("allow=['10.0.0.0/40']").contains("\"10.0.0.0/40\" is neither an address nor a range"));
    }

    #[test]
    fn flags_go_before_the_file() {
        let file: Settings = toml::from_str("url='http://a'\ntable='t'\nallow=['10.0.0.1']").unwrap();
        let flags = Settings {
            url: Some("http://b".to_owned()),
            ..Settings::default()
        };
        let both = flags.over(file);
        assert_eq!(
            (both.url.as_deref(), both.table.as_deref()),
            (Some("http://b"), Some("t"))
        );
        assert_eq!(both.allow.unwrap()[0].0, "10.0.0.1/32".parse::<IpNet>().unwrap());
    }
}
