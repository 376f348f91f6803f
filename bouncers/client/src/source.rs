//! The way to a Local API: over `http://`, `https://` or `unix:///path`. Before: the node. After: [`crate::stream`].
//!
//! Requests carry the key and are never redirected nor sent through a proxy. No error ever shows the key.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// Where the API is and how to speak to it.
#[derive(Debug)]
pub struct SourceConfig {
    /// `http://host:port`, `https://host:port` or `unix:///path/of/the/socket`.
    pub url: String,
    /// The bouncer's key.
    pub key: SecretString,
    /// `name/version`: servers make the bouncer's type and version of it.
    pub user_agent: String,
    /// PEM certificates to trust instead of the system's.
    pub ca_pem: Option<Vec<u8>>,
}

/// Why a source cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Not an address that we know to reach.
    #[error("{url:?} is not http://…, https://… or unix:///path")]
    Url {
        /// What was given.
        url: String,
    },
    /// The key holds characters that no header may hold.
    #[error("the API key is empty or holds characters that a key cannot have")]
    Key,
    /// TLS could not be set up.
    #[error("the certificates or the HTTP client could not be set up")]
    Client(#[source] reqwest::Error),
}

/// Why a request brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// 401 or 403.
    #[error(
        "the node refuses the API key (HTTP {status}): is the bouncer registered, and the key file the right one?"
    )]
    Denied {
        /// The status.
        status: u16,
    },
    /// The path is unknown there: an older server.
    #[error("the node does not offer this (HTTP {status})")]
    NotOffered {
        /// The status.
        status: u16,
    },
    /// Any other status than that of success.
    #[error("the node answers HTTP {status}")]
    Status {
        /// The status.
        status: u16,
    },
    /// No connection, no answer in time, or the connection broke.
    #[error("the node cannot be reached")]
    Transport(#[source] reqwest::Error),
}

/// A Local API, ready to be asked.
#[derive(Clone, Debug)]
pub struct Source {
    client: Client,
    base: Url,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest silence within an answer. An event stream sends a comment more often than that.
const READ_TIMEOUT: Duration = Duration::from_mins(1);

// === impl Source ===

impl Source {
    /// Checks what was configured. Does not connect yet.
    pub fn new(config: SourceConfig) -> Result<Self, SourceError> {
        let (base, socket) = parse(&config.url)?;
        let mut key = HeaderValue::from_str(config.key.expose_secret()).map_err(|_| SourceError::Key)?;
        if key.is_empty() {
            return Err(SourceError::Key);
        }
        key.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", key);
        let mut builder = Client::builder()
            .default_headers(headers)
            .user_agent(config.user_agent)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT);
        if let Some(path) = socket {
            builder = builder.unix_socket(path);
        }
        if let Some(pem) = config.ca_pem {
            builder =
                builder.tls_certs_only(Certificate::from_pem_bundle(&pem).map_err(SourceError::Client)?);
        }
        Ok(Self {
            client: builder.build().map_err(SourceError::Client)?,
            base,
        })
    }

    /// `GET /v1/decisions/stream`: everything if `startup`, else what is different since the last time; of these scopes,
    /// or those that the node tells unasked.
    pub async fn stream(&self, startup: bool, scopes: Option<&str>) -> Result<Response, RequestError> {
        let startup = startup.then_some(("startup", "true"));
        let url = self.at("v1/decisions/stream", startup.into_iter().chain(of(scopes)));
        checked(self.client.get(url).send().await)
    }

    /// `GET /v1/decisions/events`: changes as they happen, where the node offers that.
    pub async fn events(&self, last_id: &str, scopes: Option<&str>) -> Result<Response, RequestError> {
        let mut request = self
            .client
            .get(self.at("v1/decisions/events", of(scopes)))
            .header(ACCEPT, "text/event-stream");
        if !last_id.is_empty() {
            request = request.header("last-event-id", last_id);
        }
        let response = checked(request.send().await)?;
        let kind = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if kind.starts_with("text/event-stream") {
            Ok(response)
        } else {
            Err(RequestError::NotOffered {
                status: response.status().as_u16(),
            })
        }
    }

    /// `GET /v1/decisions/spared`: whom the node decides nothing against, where it says so.
    pub async fn spared(&self) -> Result<Response, RequestError> {
        checked(self.client.get(self.at("v1/decisions/spared", None)).send().await)
    }

    /// `POST /v1/usage-metrics`: what this bouncer did.
    pub async fn report(&self, body: &Value) -> Result<(), RequestError> {
        let request = self.client.post(self.at("v1/usage-metrics", None)).json(body);
        checked(request.send().await).map(drop)
    }

    fn at<'a>(&self, path: &str, query: impl IntoIterator<Item = (&'a str, &'a str)>) -> Url {
        let mut url = self.base.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}/{path}"));
        let query: Vec<String> = query
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        url.set_query((!query.is_empty()).then(|| query.join("&")).as_deref());
        url
    }
}

fn of(scopes: Option<&str>) -> Option<(&str, &str)> {
    scopes.map(|scopes| ("scopes", scopes))
}

fn parse(text: &str) -> Result<(Url, Option<PathBuf>), SourceError> {
    let wrong = || SourceError::Url { url: text.to_owned() };
    if let Some(path) = text.strip_prefix("unix://") {
        if !path.starts_with('/') {
            return Err(wrong());
        }
        // The host is needed by HTTP only; nobody resolves it.
        return Ok((
            Url::parse("http://localhost/").map_err(|_| wrong())?,
            Some(PathBuf::from(path)),
        ));
    }
    let url = Url::parse(text).map_err(|_| wrong())?;
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    if matches!(url.scheme(), "http" | "https") && url.has_host() && plain {
        Ok((url, None))
    } else {
        Err(wrong())
    }
}

fn checked(answer: Result<Response, reqwest::Error>) -> Result<Response, RequestError> {
    let response = answer.map_err(RequestError::Transport)?;
    let status = response.status();
    match status {
        StatusCode::OK | StatusCode::CREATED => Ok(response),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(RequestError::Denied {
            status: status.as_u16(),
        }),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
            Err(RequestError::NotOffered {
                status: status.as_u16(),
            })
        }
        _ => Err(RequestError::Status {
            status: status.as_u16(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str) -> Result<(String, String), String> {
        let config = SourceConfig {
            url: url.to_owned(),
            key: SecretString::from("k3y"),
            user_agent: "x/1".to_owned(),
            ca_pem: None,
        };
        let source = Source::new(config).map_err(|error| error.to_string())?;
        Ok((
            source.at("v1/decisions/stream", None).to_string(),
            format!("{source:?}"),
        ))
    }

    #[test]
    fn addresses_of_all_three_kinds_are_understood() {
        assert_eq!(
            check("http://127.0.0.1:8080").unwrap().0,
            "http://127.0.0.1:8080/v1/decisions/stream"
        );
        assert_eq!(
            check("https://node/crowdsec/").unwrap().0,
            "https://node/crowdsec/v1/decisions/stream"
        );
        assert_eq!(
            check("unix:///run/vigie/api.sock").unwrap().0,
            "http://localhost/v1/decisions/stream"
        );
        for wrong in [
            "",
            "localhost:8080",
            "ftp://x/",
            "unix://relative",
            "http://user:pw@x/",
            "http://",
        ] {
            let error = check(wrong).unwrap_err();
            assert_eq!(
                error,
                format!("{wrong:?} is not http://…, https://… or unix:///path")
            );
        }
    }

    #[test]
    fn the_key_is_not_shown() {
        assert!(!check("http://127.0.0.1:8080").unwrap().1.contains("k3y"));
    }
}
