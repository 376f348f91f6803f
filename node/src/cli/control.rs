//! How a command reaches the node: by the running node's socket, or, if none runs, by opening its data itself.
//!
//! Both ways lead to the same routes (`crate::control`), so a command behaves the same with and without a node.

use std::path::Path;
use std::pin::pin;

use anyhow::{Context, bail};
use axum::Router;
use axum::body::Body;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::Value;
use tokio::net::UnixStream;
use tower::ServiceExt;

use super::Global;
use crate::identity::Identity;
use crate::node::Node;
use crate::paths::Lock;

/// A way to the node's data.
pub(crate) enum Control {
    /// A node runs.
    Running(std::path::PathBuf),
    /// No node runs: this process holds the data until the command ends.
    Opened { router: Router, _lock: Lock },
}

// === impl Control ===

impl Control {
    /// To the node of this data directory.
    pub(crate) async fn reach(global: &Global) -> anyhow::Result<Self> {
        let paths = global.paths();
        if UnixStream::connect(paths.socket()).await.is_ok() {
            return Ok(Self::Running(paths.socket()));
        }
        if !Identity::exists(&paths) {
            bail!(
                "{} holds no node yet: start one with `vigie up`, or make its identity with `vigie init`",
                paths.root().display()
            );
        }
        let lock = paths.lock()?;
        let node = Node::open(paths, global.config()?).await?;
        Ok(Self::Opened {
            router: crate::control::router(node),
            _lock: lock,
        })
    }

    /// Reads.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.request(Method::GET, path, None).await
    }

    /// Changes.
    pub(crate) async fn post(&self, path: &str, body: &(impl Serialize + Sync)) -> anyhow::Result<Value> {
        self.request(Method::POST, path, Some(serde_json::to_vec(body)?))
            .await
    }

    /// Removes.
    pub(crate) async fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.request(Method::DELETE, path, None).await
    }

    /// The rows of a list.
    pub(crate) async fn rows(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        match self.get(path).await? {
            Value::Array(rows) => Ok(rows),
            other => bail!("the node answered {other} where a list belongs"),
        }
    }

    async fn request(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> anyhow::Result<Value> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .header("host", "vigie");
        let body = body.unwrap_or_default();
        let (status, bytes) = match self {
            Self::Running(socket) => over_socket(socket, request.body(Full::from(body))?).await?,
            Self::Opened { router, .. } => {
                in_process(router.clone(), request.body(Body::from(body))?).await?
            }
        };
        let answer: Value = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes)?
        };
        if status.is_success() {
            return Ok(answer);
        }
        match answer.get("detail").and_then(Value::as_str) {
            Some(detail) => bail!("{detail}"),
            None => bail!("the node answered {status}"),
        }
    }
}

async fn over_socket(
    socket: &Path,
    request: Request<Full<axum::body::Bytes>>,
) -> anyhow::Result<(StatusCode, Vec<u8>)> {
    let stream = UnixStream::connect(socket)
        .await
        .with_context(|| format!("cannot reach the node at {}", socket.display()))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        Ok::<_, hyper::Error>((status, answer.into_body().collect().await?.to_bytes().to_vec()))
    };
    let mut exchange = pin!(exchange);
    tokio::select! {
        answer = &mut exchange => Ok(answer?),
        ended = connection => {
            ended?;
            // Closed after the answer, or instead of it.
            exchange.await.context("the node closed the connection")
        }
    }
}

async fn in_process(router: Router, request: Request<Body>) -> anyhow::Result<(StatusCode, Vec<u8>)> {
    let answer = router.oneshot(request).await?;
    let status = answer.status();
    Ok((status, answer.into_body().collect().await?.to_bytes().to_vec()))
}

/// A query string of those parts that are set.
pub(crate) fn query(path: &str, parts: &[(&str, Option<String>)]) -> String {
    let mut query = String::new();
    for (name, value) in parts {
        let Some(value) = value else { continue };
        query.push(if query.is_empty() { '?' } else { '&' });
        query.push_str(name);
        query.push('=');
        query.push_str(&escape(value));
    }
    format!("{path}{query}")
}

/// Percent-encodes everything that is not unreserved (RFC 3986, 2.3).
pub(crate) fn escape(text: &str) -> String {
    use std::fmt::Write;
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _infallible = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}
