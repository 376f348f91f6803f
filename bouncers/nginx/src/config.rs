//! Configuration of the daemon: built-in defaults, then the file, then flags. A key is named by file, never given
//! itself. The names are those of `vigie-bouncer-nftables`.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ipnet::IpNet;
use serde::Deserialize;
use vigie_bouncer_client::Databases;
use vigie_bouncer_daemon::node::Said;
use vigie_bouncer_daemon::settings::within;
use vigie_bouncer_daemon::{Network, Node, SettingsError};
use vigie_bouncer_nginx::challenge::captcha::Provider;
use vigie_bouncer_nginx::table::Remediation;

/// What can be set, by file (each name with `_`) and by flag.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Local API: `http://host:port`, `https://host:port` or `unix:///path` [default: `http://127.0.0.1:8480`]
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// File that holds the bouncer's API key
    #[arg(long)]
    pub(crate) key_file: Option<PathBuf>,
    /// PEM file of certificates to trust instead of the system's
    #[arg(long)]
    pub(crate) ca_file: Option<PathBuf>,
    /// How often to ask, where the node does not push [default: 10s]
    #[arg(long)]
    pub(crate) poll: Option<String>,
    /// Do not use the node's push even if it offers one
    #[arg(long, num_args = 0..=1, default_missing_value = "true")]
    pub(crate) no_push: Option<bool>,
    /// Decisions to act upon, by their remediation, and how: `mfa=challenge` treats one as another
    /// [default: ban, challenge, captcha=challenge, throttle]
    #[arg(long = "remediation", value_name = "NAME[=HOW]")]
    pub(crate) remediations: Option<Vec<Meaning>>,
    /// Addresses and ranges never to be kept out; may be given several times
    #[arg(long)]
    pub(crate) allow: Option<Vec<Network>>,
    /// Database of countries (mmdb): keep out those that decisions name [default: none]
    #[arg(long)]
    pub(crate) countries: Option<PathBuf>,
    /// Database of autonomous systems (mmdb): keep out those that decisions name [default: none]
    #[arg(long)]
    pub(crate) systems: Option<PathBuf>,
    /// Where to write when the node was last heard, as Prometheus reads it [default: nowhere]
    #[arg(long)]
    pub(crate) metrics: Option<PathBuf>,
    /// The file that nginx reads: what `vigie_table` names there [default: /run/vigie/nginx.table]
    #[arg(long)]
    pub(crate) table: Option<PathBuf>,
    /// Judge captchas of this provider: turnstile, hcaptcha or recaptcha [default: none are used]
    #[arg(long)]
    pub(crate) captcha: Option<String>,
    /// File that holds your secret key with that provider
    #[arg(long)]
    pub(crate) captcha_key_file: Option<PathBuf>,
    /// Where nginx passes on what browsers hand in [default: /run/vigie/captcha.sock]
    #[arg(long)]
    pub(crate) captcha_socket: Option<PathBuf>,
    /// Ask this address for verdicts instead of the provider's own
    #[arg(long)]
    pub(crate) captcha_judge: Option<String>,
    /// The file that `vigie_challenge_secret` names in nginx
    #[arg(long)]
    pub(crate) challenge_secret_file: Option<PathBuf>,
    /// What `vigie_challenge_window` says in nginx [default: 1h]
    #[arg(long)]
    pub(crate) challenge_window: Option<String>,
}

/// A remediation, as the node names it, and what nginx does about it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Meaning {
    name: String,
    word: Remediation,
}

/// Which decisions are taken into the table.
#[derive(Clone, Debug)]
pub(crate) struct Accept {
    /// Remediations, in lower case.
    pub(crate) kinds: Vec<String>,
    /// What each of these means here.
    pub(crate) words: Vec<Remediation>,
    /// Never kept out, whatever is decided.
    pub(crate) allow: Vec<IpNet>,
}

/// Everything set and checked.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) node: Node,
    pub(crate) accept: Accept,
    pub(crate) metrics: Option<PathBuf>,
    pub(crate) table: PathBuf,
    pub(crate) captcha: Option<CaptchaConfig>,
}

/// How captchas are judged.
#[derive(Clone, Debug)]
pub(crate) struct CaptchaConfig {
    pub(crate) provider: Provider,
    pub(crate) key_file: PathBuf,
    pub(crate) socket: PathBuf,
    pub(crate) judge: String,
    pub(crate) secret_file: PathBuf,
    pub(crate) window: Duration,
}

/// What is wrong with the configuration, and what would be right.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// What both bouncers know.
    #[error(transparent)]
    Common(#[from] SettingsError),
    /// Nobody who makes captchas.
    #[error("captcha: {name:?} is none of turnstile, hcaptcha and recaptcha")]
    Provider { name: String },
    /// What nginx would not take either.
    #[error("challenge_window: {value:?} is not a duration from 1m to 24h")]
    Window { value: String },
    /// Captchas take more than a provider.
    #[error("{name} is not set: captcha needs it")]
    Needed { name: &'static str },
    /// One remediation cannot mean two things.
    #[error("remediations: {name} is named twice")]
    Twice { name: String },
    /// The table of decisions counts them in a byte.
    #[error("remediations: {found} are more than {MOST_KINDS}")]
    TooMany { found: usize },
}

const TABLE: &str = "/run/vigie/nginx.table";
const MOST_KINDS: usize = 255;
const SOCKET: &str = "/run/vigie/captcha.sock";
const WINDOW: RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(24);

// === impl Meaning ===

impl Meaning {
    fn usual() -> Vec<Self> {
        use Remediation::{Ban, Challenge, Throttle};
        let all = [
            ("ban", Ban),
            ("challenge", Challenge),
            // What CrowdSec calls it.
            ("captcha", Challenge),
            ("throttle", Throttle),
        ];
        all.map(|(name, word)| Self {
            name: name.to_owned(),
            word,
        })
        .to_vec()
    }
}

impl std::str::FromStr for Meaning {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, how) = text.split_once('=').unwrap_or((text, text));
        let words = [Remediation::Ban, Remediation::Challenge, Remediation::Throttle];
        let word = words
            .into_iter()
            .find(|word| word.name() == how.to_ascii_lowercase());
        match word {
            Some(word) if !name.is_empty() => Ok(Self {
                name: name.to_ascii_lowercase(),
                word,
            }),
            _ => Err(format!(
                "{text:?} is none of ban, challenge, throttle, nor NAME=ban, NAME=challenge or NAME=throttle"
            )),
        }
    }
}

impl TryFrom<String> for Meaning {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

// === impl Settings ===

impl Settings {
    /// These settings, and what `below` says where these say nothing.
    #[must_use]
    pub(crate) fn over(self, below: Self) -> Self {
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
            captcha: self.captcha.or(below.captcha),
            captcha_key_file: self.captcha_key_file.or(below.captcha_key_file),
            captcha_socket: self.captcha_socket.or(below.captcha_socket),
            captcha_judge: self.captcha_judge.or(below.captcha_judge),
            challenge_secret_file: self.challenge_secret_file.or(below.challenge_secret_file),
            challenge_window: self.challenge_window.or(below.challenge_window),
        }
    }

    /// Where the table is.
    pub(crate) fn table(&self) -> PathBuf {
        self.table.clone().unwrap_or_else(|| PathBuf::from(TABLE))
    }

    /// Fills in the defaults and checks everything.
    pub(crate) fn finish(self) -> Result<Config, ConfigError> {
        let table = self.table();
        let captcha = self.captcha()?;
        let allow = self.allow.unwrap_or_default();
        let meanings = self.remediations.unwrap_or_else(Meaning::usual);
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
            accept: accept(meanings, allow.into_iter().map(|network| network.0).collect())?,
            metrics: self.metrics,
            table,
            captcha,
        })
    }

    fn captcha(&self) -> Result<Option<CaptchaConfig>, ConfigError> {
        let Some(name) = &self.captcha else {
            return Ok(None);
        };
        let provider = Provider::named(name).ok_or_else(|| ConfigError::Provider { name: name.clone() })?;
        let needed = |name, path: &Option<PathBuf>| path.clone().ok_or(ConfigError::Needed { name });
        let window = self.challenge_window.clone().unwrap_or_else(|| "1h".to_owned());
        Ok(Some(CaptchaConfig {
            provider,
            key_file: needed("captcha_key_file", &self.captcha_key_file)?,
            socket: self
                .captcha_socket
                .clone()
                .unwrap_or_else(|| PathBuf::from(SOCKET)),
            judge: self
                .captcha_judge
                .clone()
                .unwrap_or_else(|| provider.judge().to_owned()),
            secret_file: needed("challenge_secret_file", &self.challenge_secret_file)?,
            window: within(&window, &WINDOW).ok_or(ConfigError::Window { value: window })?,
        }))
    }
}

fn accept(meanings: Vec<Meaning>, allow: Vec<IpNet>) -> Result<Accept, ConfigError> {
    if meanings.len() > MOST_KINDS {
        return Err(ConfigError::TooMany {
            found: meanings.len(),
        });
    }
    let (mut kinds, mut words) = (Vec::new(), Vec::new());
    for Meaning { name, word } in meanings {
        if kinds.contains(&name) {
            return Err(ConfigError::Twice { name });
        }
        kinds.push(name);
        words.push(word);
    }
    Ok(Accept { kinds, words, allow })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Result<Config, String> {
        let settings: Settings = toml::from_str(text).map_err(|error| error.to_string())?;
        settings.finish().map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_file_is_all_that_is_needed() {
        let config = config("key_file = '/k'").unwrap();
        assert_eq!((config.table.to_str(), config.node.push), (Some(TABLE), true));
        assert_eq!(config.accept.kinds, ["ban", "challenge", "captcha", "throttle"]);
    }

    #[test]
    fn a_remediation_may_be_treated_as_another() {
        let accept = config("key_file='k'\nremediations=['Ban', 'mfa=challenge']")
            .unwrap()
            .accept;
        assert_eq!(accept.kinds, ["ban", "mfa"]);
        assert_eq!(accept.words, [Remediation::Ban, Remediation::Challenge]);
        let error = |text: &str| config(&format!("key_file='k'\nremediations={text}")).unwrap_err();
        assert!(error("['mfa']").contains("\"mfa\" is none of ban, challenge, throttle"));
        assert!(error("['mfa=pass']").contains("\"mfa=pass\" is none of"));
        assert!(error("['=ban']").contains("\"=ban\" is none of"));
        assert_eq!(
            error("['ban', 'BAN=throttle']"),
            "remediations: ban is named twice"
        );
        let many: Vec<String> = (0..256).map(|n| format!("'r{n}=ban'")).collect();
        assert_eq!(
            error(&format!("[{}]", many.join(","))),
            "remediations: 256 are more than 255"
        );
    }

    #[test]
    fn mistakes_are_named_with_what_is_allowed() {
        let error = |text: &str| config(text).unwrap_err();
        assert!(error("").starts_with("key_file is not set"));
        assert_eq!(
            error("key_file='k'\npoll='0s'"),
            "poll: \"0s\" is not a duration from 1s to 1h"
        );
        let unknown = error("key_file='k'\nhooks=[]");
        assert!(
            unknown.contains("line 2, column 1") && unknown.contains("unknown field `hooks`"),
            "{unknown}"
        );
        assert!(error("allow=['10.0.0.0/40']").contains("\"10.0.0.0/40\" is neither an address nor a range"));
    }

    #[test]
    fn a_captcha_takes_a_provider_and_two_secrets() {
        let with = |text: &str| config(&format!("key_file='k'\n{text}"));
        assert!(with("").unwrap().captcha.is_none());
        let whole = "captcha='hcaptcha'\ncaptcha_key_file='/c'\nchallenge_secret_file='/s'";
        let captcha = with(whole).unwrap().captcha.unwrap();
        assert_eq!(captcha.judge, "https://api.hcaptcha.com/siteverify");
        assert_eq!(
            (captcha.socket.to_str(), captcha.window.as_secs()),
            (Some(SOCKET), 3_600)
        );
        let error = |text: &str| with(text).unwrap_err();
        assert_eq!(
            error("captcha='own'"),
            "captcha: \"own\" is none of turnstile, hcaptcha and recaptcha"
        );
        assert_eq!(
            error("captcha='turnstile'\nchallenge_secret_file='/s'"),
            "captcha_key_file is not set: captcha needs it"
        );
        assert_eq!(
            error(&format!("{whole}\nchallenge_window='2d'")),
            "challenge_window: \"2d\" is not a duration from 1m to 24h"
        );
    }

    #[test]
    fn flags_go_before_the_file() {
        let file: Settings = toml::from_str("table='/a'\nallow=['10.0.0.1']").unwrap();
        let flags = Settings {
            table: Some(PathBuf::from("/b")),
            ..Settings::default()
        };
        let both = flags.over(file);
        assert_eq!(both.table(), PathBuf::from("/b"));
        assert_eq!(both.allow.unwrap()[0].0, "10.0.0.1/32".parse().unwrap());
    }
}
