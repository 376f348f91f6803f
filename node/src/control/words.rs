//! What all routes say alike: problems (RFC 9457), times and durations.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;
use vigie_store::StoreError;
use vigie_wire::Timestamp;

use crate::config;

/// Longest text of axum's that is repeated, in bytes.
const LONGEST_DETAIL: usize = 4 << 10;

/// A request that could not be served, as `application/problem+json`.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
}

// === impl Problem ===

impl Problem {
    /// The request itself is wrong.
    pub(crate) fn wrong(detail: impl Into<String>) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            detail: detail.into(),
        }
    }

    /// There is no such thing.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            detail: detail.into(),
        }
    }

    /// It clashes with what is there.
    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self {
            status: StatusCode::CONFLICT,
            detail: detail.into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("error");
        let body = json!({"type": "about:blank", "title": title, "status": self.status.as_u16(), "detail": self.detail});
        (
            self.status,
            [("content-type", "application/problem+json")],
            Json(body),
        )
            .into_response()
    }
}

/// What axum itself refuses, a body that is no JSON say, is said as plain text: made a problem as all others.
pub(super) async fn as_problem(answer: Response) -> Response {
    let status = answer.status();
    let is_text = answer
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !status.is_client_error() || !is_text {
        return answer;
    }
    let detail = axum::body::to_bytes(answer.into_body(), LONGEST_DETAIL).await;
    let detail = detail.map(|text| String::from_utf8_lossy(&text).into_owned());
    Problem {
        status,
        detail: detail.unwrap_or_default(),
    }
    .into_response()
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::from(anyhow::Error::new(error))
    }
}

impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        tracing::error!(error = format!("{error:#}"), "a request failed");
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            detail: format!("{error:#}"),
        }
    }
}

/// A duration in a request.
pub(crate) fn duration(text: &str) -> Result<Duration, Problem> {
    config::duration(text)
        .ok_or_else(|| Problem::wrong(format!("{text:?} is not a duration such as 30m, 4h or 7d")))
}

/// The moment so long ago.
pub(crate) fn ago(text: Option<&str>, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
    text.map(|text| Ok(now - duration(text)?)).transpose()
}

/// A length of time for people, two units at most: `3h 12m`.
pub(crate) fn spell(duration: Duration) -> String {
    let secs = duration.as_secs();
    match (secs / 86_400, secs % 86_400 / 3_600, secs % 3_600 / 60, secs % 60) {
        (0, 0, 0, s) => format!("{s}s"),
        (0, 0, m, s) => format!("{m}m {s}s"),
        (0, h, m, _) => format!("{h}h {m}m"),
        (d, h, _, _) => format!("{d}d {h}h"),
    }
}

/// Milli-nats for people, all of them: whoever adds up what is printed gets what is printed.
pub(crate) fn nats(milli: i64) -> String {
    format!(
        "{}{}.{:03}",
        if milli < 0 { "-" } else { "" },
        milli.unsigned_abs() / 1_000,
        milli.unsigned_abs() % 1_000
    )
}
