//! The agents' half of CrowdSec's Local API, from the agent's side: register, login, heartbeat, alerts,
//! usage metrics.
//!
//! Over `http://`, `https://`, or a unix socket. Requests are never redirected nor sent through a proxy, answers are
//! read up to a bound, and no error shows a password or a token. Before: `speaker`. Deliberately absent: when to ask.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::header::RETRY_AFTER;
use reqwest::{Certificate, Client, Identity, RequestBuilder, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use vigie_wire::Timestamp;

use crate::clock;
use crate::terminal::printable;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For one request. A server that is busy with a large batch takes its time.
const PATIENCE: Duration = Duration::from_secs(30);
/// For what nobody misses.
const USAGE_PATIENCE: Duration = Duration::from_secs(2);
/// Longest answer that is read.
const ANSWER_BYTES: usize = 1 << 20;
/// Longest sentence of an answer that is told.
const SAID_CHARS: usize = 300;
/// Longest wait that a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// How long a token holds that does not say it.
const UNSAID: Duration = Duration::from_secs(600);
/// Bytes of names that a login tells: the original's database has room for 100,000.
const NAMES_BYTES: usize = 90_000;

/// A Local API, ready to be asked.
#[derive(Debug)]
pub(crate) struct Lapi {
    client: Client,
    base: Url,
    address: String,
}

/// Who we are there.
#[derive(Debug)]
pub(crate) enum Who {
    /// A machine with a password.
    Machine { login: String, password: SecretString },
    /// Whoever the client certificate names.
    Certificate,
}

/// PEM texts.
#[derive(Default)]
pub(crate) struct Tls {
    /// Who signs for the server, instead of the system's authorities.
    pub(crate) ca: Option<Vec<u8>>,
    /// Our certificate and its key.
    pub(crate) identity: Option<Vec<u8>>,
}

/// What a login brought.
#[derive(Debug)]
pub(crate) struct Token {
    text: SecretString,
    /// How long it holds from its arrival.
    pub(crate) life: Duration,
}

/// What a registration brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Registered {
    /// Somebody has to validate it (`cscli machines validate`).
    Pending,
    /// It may log in.
    Valid,
}

/// Why a request brought nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot reach it")]
    Unreachable(#[source] reqwest::Error),
    #[error("it answers HTTP {status}{}", colon(.said))]
    Answered {
        status: u16,
        /// Its own words, shortened.
        said: String,
        /// How long it asks to be left alone.
        wait: Option<Duration>,
    },
    #[error(
        "it redirects elsewhere (HTTP {status}), where passwords and alerts are not sent: name its real address"
    )]
    Redirected { status: u16 },
    #[error("{0}: that is no Local API")]
    Odd(String),
}

fn colon(said: &str) -> String {
    if said.is_empty() {
        return String::new();
    }
    format!(": {said:?}")
}

// === impl Lapi ===

impl Lapi {
    /// `address` is a URL or, as CrowdSec writes it, the path of a unix socket. Does not connect yet.
    pub(crate) fn open(address: &str, tls: Tls) -> anyhow::Result<Self> {
        let (base, socket) = parse(address)?;
        let mut builder = Client::builder()
            .user_agent(concat!("vigie/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(PATIENCE);
        if let Some(path) = socket {
            builder = builder.unix_socket(path);
        } else if base.scheme() == "http" && !is_here(&base) {
            tracing::warn!(
                address,
                "passwords and alerts go over the network unencrypted: use https if it offers it"
            );
        }
        if let Some(pem) = tls.ca {
            let trusted =
                Certificate::from_pem_bundle(&pem).context("cannot read the certificates of --ca")?;
            builder = builder.tls_certs_only(trusted);
        }
        if tls.identity.is_some() && base.scheme() != "https" {
            bail!("a certificate says nothing over {address}: it goes with https://");
        }
        if let Some(pem) = tls.identity {
            let identity = Identity::from_pem(&pem).context("cannot use the certificate and key")?;
            builder = builder.identity(identity);
        }
        Ok(Self {
            client: builder.build().context("cannot set up the HTTP client")?,
            base,
            address: address.to_owned(),
        })
    }

    /// `POST /v1/watchers/login`.
    pub(crate) async fn login(&self, who: &Who, scenarios: &[String]) -> Result<Token, Failure> {
        let mut bytes = 0;
        let told = scenarios.iter().take_while(|name| {
            bytes += name.len() + 1;
            bytes <= NAMES_BYTES
        });
        let scenarios: Vec<_> = told.collect();
        let body = match who {
            Who::Machine { login, password } => {
                json!({"machine_id": login, "password": password.expose_secret(), "scenarios": scenarios})
            }
            Who::Certificate => json!({"scenarios": scenarios}),
        };
        let request = self.client.post(self.at("v1/watchers/login")).json(&body);
        let answer = exchange(request).await?;
        let login: Login = serde_json::from_slice(&answer.body)
            .map_err(|_| Failure::Odd("its answer to the login holds no token".to_owned()))?;
        Ok(login.token())
    }

    /// `GET /v1/heartbeat`.
    pub(crate) async fn heartbeat(&self, token: &Token) -> Result<(), Failure> {
        let request = self.client.get(self.at("v1/heartbeat"));
        exchange(request.bearer_auth(token.text.expose_secret())).await?;
        Ok(())
    }

    /// `POST /v1/alerts`. How many it stored: those on its allowlists it does not.
    pub(crate) async fn alerts(&self, token: &Token, body: String) -> Result<usize, Failure> {
        let request = self
            .client
            .post(self.at("v1/alerts"))
            .bearer_auth(token.text.expose_secret())
            .header("content-type", "application/json")
            .body(body);
        let answer = exchange(request).await?;
        // Something on the way that says yes to everything has not stored them.
        match serde_json::from_slice(&answer.body) {
            Ok(Value::Array(stored)) => Ok(stored.len()),
            Ok(_) if answer.status == StatusCode::CREATED => Ok(0),
            Err(_) if answer.status == StatusCode::CREATED && answer.body.is_empty() => Ok(0),
            _ => Err(Failure::Odd(
                "its answer to alerts is not the list of their numbers".to_owned(),
            )),
        }
    }

    /// `POST /v1/usage-metrics`.
    pub(crate) async fn usage(&self, token: &Token, body: String) -> Result<(), Failure> {
        let request = self
            .client
            .post(self.at("v1/usage-metrics"))
            .timeout(USAGE_PATIENCE)
            .bearer_auth(token.text.expose_secret())
            .header("content-type", "application/json")
            .body(body);
        exchange(request).await?;
        Ok(())
    }

    /// `POST /v1/watchers`.
    pub(crate) async fn register(
        &self,
        machine: &str,
        password: &SecretString,
        token: Option<&SecretString>,
    ) -> Result<Registered, Failure> {
        let mut body = json!({"machine_id": machine, "password": password.expose_secret()});
        if let (Some(token), Some(object)) = (token, body.as_object_mut()) {
            object.insert("registration_token".to_owned(), token.expose_secret().into());
        }
        let request = self.client.post(self.at("v1/watchers")).json(&body);
        let answer = exchange(request).await?;
        Ok(match answer.status {
            StatusCode::ACCEPTED => Registered::Valid,
            _ => Registered::Pending,
        })
    }

    fn at(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}/{path}"));
        url
    }
}

impl fmt::Display for Lapi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine { login, .. } => f.write_str(&printable(login)),
            Self::Certificate => f.write_str("the holder of the certificate"),
        }
    }
}

fn parse(text: &str) -> anyhow::Result<(Url, Option<PathBuf>)> {
    let path = text.strip_prefix("unix://").unwrap_or(text);
    if path.starts_with('/') {
        // HTTP needs a host; nobody resolves it.
        return Ok((Url::parse("http://localhost/")?, Some(path.into())));
    }
    // Before anything else is said of it: a password comes before an `@`, also where a typing error hides it.
    if text.contains('@') {
        bail!("the address of a Local API holds no password: use --login and --password-file");
    }
    if let Ok(url) = Url::parse(text)
        && matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.query().is_none()
    {
        return Ok((url, None));
    }
    bail!("{text:?} is not like http://127.0.0.1:8080, https://lapi.example:8080 or /run/crowdsec.sock")
}

fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let ip: Result<std::net::IpAddr, _> = host.trim_start_matches('[').trim_end_matches(']').parse();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

// === answers ===

struct Answer {
    status: StatusCode,
    body: Vec<u8>,
}

async fn exchange(request: RequestBuilder) -> Result<Answer, Failure> {
    let response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    if status.is_redirection() {
        return Err(Failure::Redirected {
            status: status.as_u16(),
        });
    }
    let wait = response.headers().get(RETRY_AFTER);
    let wait = wait.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let body = bounded(response).await;
    if status.is_success() {
        return Ok(Answer { status, body: body? });
    }
    Err(Failure::Answered {
        status: status.as_u16(),
        said: said(&body.unwrap_or_default()),
        wait: wait.map(|secs| Duration::from_secs(secs).min(LONGEST_WAIT)),
    })
}

/// The address is told by whoever tells the error.
fn unreachable(error: reqwest::Error) -> Failure {
    Failure::Unreachable(error.without_url())
}

async fn bounded(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > ANSWER_BYTES {
            return Err(Failure::Odd(format!(
                "its answer is longer than {ANSWER_BYTES} bytes"
            )));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The sentence in an answer of the original's form.
fn said(body: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let message = answer.get("message").and_then(Value::as_str).unwrap_or_default();
    printable(&message.chars().take(SAID_CHARS).collect::<String>())
}

/// What a login is answered with.
#[derive(Deserialize)]
struct Login {
    token: String,
    #[serde(default)]
    expire: String,
}

/// What a token says of its time, in seconds since 1970 on the server's clock.
#[derive(Deserialize)]
struct Claims {
    exp: i64,
    /// gin-jwt's name for `iat`.
    #[serde(alias = "iat")]
    orig_iat: i64,
}

// === impl Login ===

impl Login {
    fn token(self) -> Token {
        Token {
            life: life(&self.token, &self.expire, clock::now()),
            text: self.token.into(),
        }
    }
}

/// How long a token holds: by the difference of its own times, since our clock may be another; else until it says.
fn life(token: &str, expire: &str, now: Timestamp) -> Duration {
    let claims = || -> Option<u64> {
        let payload = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        let claims: Claims = serde_json::from_slice(&payload).ok()?;
        u64::try_from(claims.exp.checked_sub(claims.orig_iat)?).ok()
    };
    let until = || -> Option<u64> {
        let expire: jiff::Timestamp = expire.parse().ok()?;
        u64::try_from(expire.as_second().checked_sub(now.as_secs())?).ok()
    };
    let secs = claims().or_else(until).filter(|secs| *secs > 0);
    secs.map_or(UNSAID, Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_that_the_original_takes() {
        for (address, asked) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1/heartbeat"),
            (
                "https://lapi.example/behind/",
                "https://lapi.example/behind/v1/heartbeat",
            ),
            ("unix:///run/lapi.sock", "http://localhost/v1/heartbeat"),
            ("/run/lapi.sock", "http://localhost/v1/heartbeat"),
        ] {
            let lapi = Lapi::open(address, Tls::default()).unwrap();
            assert_eq!(lapi.at("v1/heartbeat").as_str(), asked);
        }
        for wrong in [
            "",
            "lapi.example:8080",
            "ftp://x/",
            "http://",
            "http://a:s3cret@x/",
            "http://a:s3cret@x/?y=1",
            "http://a:s3cret/@x/",
            "http://a:80/s3cret@x/",
            "htp://a:s3cret@x",
            "a:s3cret@x",
            "unix://a:s3cret@x/lapi.sock",
            "http://x/?y=1",
        ] {
            let error = Lapi::open(wrong, Tls::default()).unwrap_err().to_string();
            assert!(
                error.contains("is not like http://") || error.contains("no password"),
                "{error}"
            );
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_token_holds_as_long_as_its_own_times_say() {
        let token = |claims: &str| format!("h.{}.s", BASE64_URL_SAFE_NO_PAD.encode(claims));
        let now = Timestamp::from_secs(1_000);
        let hour = Duration::from_secs(3_600);
        // Whatever the clock here says.
        assert_eq!(
            life(&token(r#"{"exp":93600,"orig_iat":90000,"id":"m"}"#), "", now),
            hour
        );
        assert_eq!(life("opaque", "1970-01-01T01:16:40Z", now), hour);
        for odd in [
            "",
            "a.b.c",
            &token(r#"{"exp":1,"orig_iat":9}"#),
            &token(r#"{"exp":"x"}"#),
        ] {
            assert_eq!(life(odd, "never", now), UNSAID, "{odd}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_answer_is_too_odd_to_be_read(token: String, expire: String, body: Vec<u8>) {
            let life = life(&token, &expire, Timestamp::from_secs(0));
            proptest::prop_assert!(life > Duration::ZERO);
            proptest::prop_assert!(said(&body).chars().count() <= SAID_CHARS);
        }
    }

    #[test]
    fn neither_passwords_nor_tokens_are_shown() {
        let who = Who::Machine {
            login: "m".to_owned(),
            password: "s3cret".into(),
        };
        let token = Token {
            text: "t0ken".into(),
            life: UNSAID,
        };
        let shown = format!("{who:?} {who} {token:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("t0ken"), "{shown}");
    }

    #[test]
    fn only_a_short_printable_sentence_of_an_answer_is_told() {
        assert_eq!(said(br#"{"message":"no\u001b[31m"}"#), "no\u{fffd}[31m");
        assert_eq!(said(b"<html>"), "");
        let long = format!("{{\"message\":\"{}\"}}", "x".repeat(9_000));
        assert_eq!(said(long.as_bytes()).len(), SAID_CHARS);
    }
}
