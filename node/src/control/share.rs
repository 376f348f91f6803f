//! Whether our detections leave and exactly what would, for `vigie share`.

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use vigie_store::{Alert, AlertFilter, Share};

use super::words::ago;
use super::{Answer, Shared};
use crate::clock::rfc3339;
use crate::node::Node;
use crate::share::{Sharing, to_sighting};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    enabled: bool,
}

#[derive(Deserialize)]
pub(super) struct Window {
    since: Option<String>,
}

pub(super) async fn set(State(node): Shared, Json(wish): Json<Wish>) -> Answer {
    node.settings.update(|values| values.share = wish.enabled).await?;
    Ok(Json(json!({"disputes": node.config.share.disputes})))
}

pub(super) async fn preview(State(node): Shared, Query(window): Query<Window>) -> Answer {
    node.recalled().await?;
    let since = ago(window.since.as_deref(), node.now())?;
    let alerts = node
        .store
        .alerts(&AlertFilter {
            since,
            ..AlertFilter::default()
        })
        .await?;
    // The question is what policy lets out, also before sharing is switched on.
    let sharing = Sharing {
        enabled: true,
        ..node.sharing()
    };
    Ok(Json(
        alerts.iter().map(|alert| row(&node, alert, &sharing)).collect(),
    ))
}

fn row(node: &Node, alert: &Alert, sharing: &Sharing) -> Value {
    let known = alert.alert.value.parse().is_ok_and(|ip| node.is_known(ip));
    match to_sighting(&alert.alert, sharing, known) {
        Ok(sighting) => json!({
            "alert": alert.id,
            "leaves": true,
            "left_already": matches!(alert.alert.share, Share::Shared(_)),
            "minute": rfc3339(sighting.at),
            "at_least": sighting.count.at_least(),
            "sighting": sighting,
        }),
        Err(why) => json!({"alert": alert.id, "leaves": false, "because": why.to_string()}),
    }
}
