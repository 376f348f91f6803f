//! Where browsers hand in what they solved: nginx passes it on, the provider judges it, and the client gets a cookie that
//! the module believes. Before: `location = /.vigie/captcha` in nginx. After: nginx again, which lets the client in.
//!
//! Nothing but the answer to the captcha goes to the provider, not even the client's address, and only so many questions
//! at a time. Deliberately absent: nginx's workers, which never wait for any of this, and what a widget looks like.

use std::fs::Permissions;
use std::net::IpAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vigie_bouncer_nginx::challenge::captcha::{PATH, Provider, cookie};
use vigie_bouncer_nginx::challenge::{Secret, window};

use crate::config::CaptchaConfig;

/// A provider, and what is needed to believe it and to be believed.
#[derive(Debug)]
pub(crate) struct Judge {
    client: reqwest::Client,
    provider: Provider,
    url: String,
    /// Ours with the provider.
    key: SecretString,
    /// Ours with the module.
    secret: Secret,
    window_secs: u64,
    questions: Semaphore,
}

/// What a provider says. <https://developers.cloudflare.com/turnstile/get-started/server-side-validation/>; the others say
/// the same in this.
#[derive(Debug, Deserialize)]
struct Verdict {
    success: bool,
    #[serde(default, rename = "error-codes")]
    codes: Option<Vec<String>>,
}

/// What a browser hands in.
#[derive(Debug, Default)]
struct HandedIn {
    answer: String,
    /// The page that it came for.
    to: String,
}

/// Longest form: an answer has up to 4 KB.
const MOST_FORM_BYTES: usize = 16 * 1024;
/// Longest path that leads back: nginx takes 4 KiB of headers from us, and refuses an answer that has more.
const MOST_PATH_BYTES: usize = 2 * 1024;
/// Longest verdict.
const MOST_VERDICT_BYTES: usize = 64 * 1024;
/// Questions to the provider at a time; each may take [`PATIENCE`].
const MOST_QUESTIONS: usize = 64;
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections at a time: those that wait for the provider, and as many again that are read.
const MOST_CONNECTIONS: usize = 2 * MOST_QUESTIONS;
/// Connections that may wait to be accepted: whoever finds no place, nginx answers for with 502.
const WAITING: u32 = 1_024;
/// Longest head of a request: nginx passes the client's on, with its cookies, of which it takes 32 KiB unless told otherwise.
const MOST_HEAD_BYTES: usize = 64 * 1024;
/// nginx has read the whole request before it connects.
const HEAD: Duration = Duration::from_secs(5);
/// After a connection that could not be taken, for want of file descriptors say.
const BREATH: Duration = Duration::from_millis(100);
/// What the providers call our own faults, and theirs.
const FAULTS: [&str; 4] = [
    "missing-input-secret",
    "invalid-input-secret",
    "sitekey-secret-mismatch",
    "internal-error",
];
/// nginx's workers run as somebody else; the folder says who may come this far.
const MODE: u32 = 0o666;

// === impl Judge ===

impl Judge {
    pub(crate) fn new(config: &CaptchaConfig) -> anyhow::Result<Self> {
        let read = |name: &str, path: &Path| {
            std::fs::read_to_string(path).with_context(|| format!("{name} {}", path.display()))
        };
        let secret = read("challenge_secret_file", &config.secret_file)?;
        let secret = Secret::from_file(secret.as_bytes()).with_context(|| {
            format!(
                "challenge_secret_file {}: less than 16 bytes",
                config.secret_file.display()
            )
        })?;
        let key = read("captcha_key_file", &config.key_file)?;
        Ok(Self {
            client: reqwest::Client::builder()
                .timeout(PATIENCE)
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .context("captcha")?,
            provider: config.provider,
            url: config.judge.clone(),
            key: SecretString::from(key.trim()),
            secret,
            window_secs: config.window.as_secs().max(1),
            questions: Semaphore::new(MOST_QUESTIONS),
        })
    }

    /// Whether the provider takes this for an answer.
    async fn asks(&self, answer: &str) -> anyhow::Result<bool> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("secret", self.key.expose_secret())
            .append_pair("response", answer)
            .finish();
        let request = self.client.post(&self.url);
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        // Without the address: it names our key to nobody but the provider, and errors go into the log.
        let sent = request
            .body(form)
            .send()
            .await
            .map_err(reqwest::Error::without_url);
        let mut response = sent?.error_for_status().map_err(reqwest::Error::without_url)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(reqwest::Error::without_url)? {
            anyhow::ensure!(
                body.len() + chunk.len() <= MOST_VERDICT_BYTES,
                "the verdict is too long"
            );
            body.extend_from_slice(&chunk);
        }
        let verdict: Verdict = serde_json::from_slice(&body).context("the verdict")?;
        if let Some(fault) = verdict.fault() {
            anyhow::bail!("the provider says {fault}");
        }
        Ok(verdict.success)
    }

    /// The header that lets this client in.
    fn cookie(&self, client: IpAddr, is_https: bool) -> String {
        let window = window(seconds_since_1970(), self.window_secs);
        let cookie = cookie(&self.secret, client, window);
        let lasts = self.window_secs.saturating_mul(2);
        if is_https {
            format!("__Host-{cookie}; Path=/; Max-Age={lasts}; HttpOnly; SameSite=None; Secure")
        } else {
            format!("{cookie}; Path=/; Max-Age={lasts}; HttpOnly; SameSite=Lax")
        }
    }
}

// === impl Verdict ===

impl Verdict {
    /// What is wrong, if it is not the answer: nobody would ever be let in, and the log would not say why.
    fn fault(&self) -> Option<&'static str> {
        let is_told = |fault: &&str| self.codes.iter().flatten().any(|code| code == *fault);
        FAULTS.into_iter().find(is_told).filter(|_| !self.success)
    }
}

// === impl HandedIn ===

impl HandedIn {
    fn parse(body: &[u8], provider: Provider) -> Self {
        let mut handed_in = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            if name == provider.field() {
                handed_in.answer = value.into_owned();
            } else if name == "to" {
                handed_in.to = value.into_owned();
            }
        }
        handed_in
    }

    /// A path of this site, and of no other.
    fn path(&self) -> &str {
        let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
        let is_short = self.to.len() <= MOST_PATH_BYTES;
        let is_path =
            is_short && self.to.starts_with('/') && !self.to.starts_with("//") && self.to.bytes().all(plain);
        if is_path { &self.to } else { "/" }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "windows are of the wall clock, which nginx's module reads for itself"
)]
fn seconds_since_1970() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

/// Takes the socket's place. One that a daemon left behind is replaced, anything else is not.
pub(crate) fn bind(path: &Path) -> anyhow::Result<UnixListener> {
    let failed = || format!("captcha_socket {}", path.display());
    if std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket()) {
        std::fs::remove_file(path).with_context(failed)?;
    }
    let socket = UnixSocket::new_stream().with_context(failed)?;
    socket.bind(path).with_context(failed)?;
    std::fs::set_permissions(path, Permissions::from_mode(MODE)).with_context(failed)?;
    socket.listen(WAITING).with_context(failed)
}

/// Answers until `shutdown`, and then what is under way, as long as a question may take.
pub(crate) async fn serve(
    listener: UnixListener,
    judge: Judge,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let routes = Router::new()
        .route(PATH, post(hand_in))
        .layer(DefaultBodyLimit::max(MOST_FORM_BYTES))
        .with_state(Arc::new(judge));
    let mut connections = JoinSet::new();
    loop {
        // Further ones wait to be accepted, as long as the kernel holds them.
        let has_room = connections.len() < MOST_CONNECTIONS;
        tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept(), if has_room => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(stream, routes.clone()))),
                Err(error) => {
                    tracing::warn!(%error, "a connection of nginx could not be taken");
                    tokio::time::sleep(BREATH).await;
                }
            },
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection of nginx died");
                }
            }
        }
    }
    drop(listener);
    // Each ends by itself within its time, also one whose client stops in the midst of a request.
    while connections.join_next().await.is_some() {}
    Ok(())
}

/// One request: nginx opens a connection for each.
async fn connection(stream: UnixStream, routes: Router) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .keep_alive(false)
        .max_buf_size(MOST_HEAD_BYTES);
    let served = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    match tokio::time::timeout(HEAD + PATIENCE, served).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a captcha was not handed in"),
        Err(_) => tracing::debug!("a captcha took too long to hand in"),
    }
}

async fn hand_in(State(judge): State<Arc<Judge>>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(client) = header("x-real-ip").and_then(|text| text.parse::<IpAddr>().ok()) else {
        return text(
            StatusCode::BAD_REQUEST,
            "nginx has to name the client in X-Real-IP\n",
        );
    };
    let handed_in = HandedIn::parse(&body, judge.provider);
    let back = |cookie: Option<String>| {
        let head = [
            (LOCATION, handed_in.path().to_owned()),
            (CACHE_CONTROL, "no-store".to_owned()),
        ];
        let cookie = cookie.map(|cookie| [(SET_COOKIE, cookie)]);
        match cookie {
            Some(cookie) => (StatusCode::SEE_OTHER, head, cookie).into_response(),
            None => (StatusCode::SEE_OTHER, head).into_response(),
        }
    };
    // No answer at all is none of the provider's business.
    if handed_in.answer.is_empty() {
        return back(None);
    }
    let Ok(_question) = judge.questions.try_acquire() else {
        return later("too many at once; try again in a moment\n");
    };
    match judge.asks(&handed_in.answer).await {
        Ok(true) => back(Some(
            judge.cookie(client, header("x-forwarded-proto") == Some("https")),
        )),
        // The page is shown once more.
        Ok(false) => back(None),
        Err(error) => {
            tracing::warn!(
                provider = judge.provider.name(),
                error = format!("{error:#}"),
                "a captcha could not be judged"
            );
            later("the captcha cannot be judged now; try again in a moment\n")
        }
    }
}

fn text(status: StatusCode, words: &'static str) -> Response {
    (status, [(CACHE_CONTROL, "no-store")], words).into_response()
}

fn later(words: &'static str) -> Response {
    let head = [(CACHE_CONTROL, "no-store"), (RETRY_AFTER, "10")];
    (StatusCode::SERVICE_UNAVAILABLE, head, words).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_back_to_this_site_only() {
        let check = |to: &str, expected: &str| {
            let form = form_urlencoded::Serializer::new(String::new())
                .append_pair("to", to)
                .append_pair("h-captcha-response", "a b&c")
                .finish();
            let handed_in = HandedIn::parse(form.as_bytes(), Provider::Hcaptcha);
            assert_eq!(
                (handed_in.answer.as_str(), handed_in.path()),
                ("a b&c", expected),
                "{to}"
            );
        };
        check("/shop?a=b&c=d", "/shop?a=b&c=d");
        check("//elsewhere.example/", "/");
        check("/\\elsewhere.example/", "/");
        check("https://elsewhere.example/", "/");
        check("/a\r\nSet-Cookie: x=y", "/");
        check("", "/");
        let long = format!("/?{}", "a".repeat(MOST_PATH_BYTES));
        check(&long[..MOST_PATH_BYTES], &long[..MOST_PATH_BYTES]);
        check(&long, "/");
        // Another provider's answer is none.
        assert_eq!(
            HandedIn::parse(b"h-captcha-response=x", Provider::Turnstile).answer,
            ""
        );
    }
}
