//! What the demo asks nodes, over the socket that `vigie` commands use.

use std::net::Ipv4Addr;

use anyhow::Context;
use serde_json::Value;
use vigie_wire::Timestamp;

use super::organisation::Organisation;

/// By which transport a node is connected to the seed, once it is.
pub(crate) async fn transport(organisation: &Organisation) -> anyhow::Result<Option<&'static str>> {
    let peers = organisation.rows("/peers", &[]).await?;
    let seed = peers.iter().find(|peer| peer["standing"] == "seed");
    let address = seed.and_then(|peer| peer["address"].as_str());
    Ok(address.map(|address| if address.contains("/quic") { "QUIC" } else { "TCP" }))
}

/// How many nodes it is connected to.
pub(crate) async fn peers(organisation: &Organisation) -> anyhow::Result<usize> {
    Ok(organisation.rows("/peers", &[]).await?.len())
}

/// Whether the network admits it: it stands there as seed, member or newcomer.
pub(crate) async fn is_admitted(organisation: &Organisation) -> anyhow::Result<bool> {
    let status = organisation.get("/status", &[]).await?;
    Ok(status["standing"]
        .as_str()
        .is_some_and(|standing| ["seed", "member", "newcomer"].contains(&standing)))
}

/// How many lines its sensor read.
pub(crate) async fn lines_read(organisation: &Organisation) -> anyhow::Result<u64> {
    Ok(organisation.get("/status", &[]).await?["sensor"]["lines"]
        .as_u64()
        .unwrap_or(0))
}

/// When its own sensor first led to a decision on the address.
pub(crate) async fn detected(
    organisation: &Organisation,
    address: Ipv4Addr,
) -> anyhow::Result<Option<Timestamp>> {
    decided(organisation, address, "sensor").await
}

/// When it first decided to ban the address, by that origin.
pub(crate) async fn decided(
    organisation: &Organisation,
    address: Ipv4Addr,
    origin: &str,
) -> anyhow::Result<Option<Timestamp>> {
    let decisions = bans(organisation, address).await?;
    let of_origin = decisions.iter().filter(|decision| decision["origin"] == origin);
    let times: Result<Vec<Timestamp>, _> = of_origin
        .map(|decision| serde_json::from_value(decision["created_at"].clone()))
        .collect();
    Ok(times.context("a decision has no time")?.into_iter().min())
}

/// Bans of the address that hold and are enforced.
pub(crate) async fn bans(organisation: &Organisation, address: Ipv4Addr) -> anyhow::Result<Vec<Value>> {
    let mut decisions = organisation
        .rows("/decisions", &[("value", address.to_string())])
        .await?;
    decisions.retain(|decision| decision["remediation"] == "ban" && decision["simulated"] == false);
    Ok(decisions)
}

/// Whether its own sensor saw the address.
pub(crate) async fn alerts(organisation: &Organisation, address: Ipv4Addr) -> anyhow::Result<usize> {
    let parts = [("value", address.to_string()), ("limit", "100".to_owned())];
    Ok(organisation.rows("/alerts", &parts).await?.len())
}

/// When the first sighting of the address by that other organisation arrived.
pub(crate) async fn heard(
    organisation: &Organisation,
    address: Ipv4Addr,
    from: &str,
) -> anyhow::Result<Option<Timestamp>> {
    let parts = [("value", address.to_string()), ("limit", "100".to_owned())];
    let sightings = organisation.rows("/sightings", &parts).await?;
    let theirs = sightings
        .iter()
        .filter(|sighting| sighting["organisation"] == from);
    let times: Result<Vec<Timestamp>, _> = theirs
        .map(|sighting| serde_json::from_value(sighting["received_at"].clone()))
        .collect();
    Ok(times
        .context("a sighting has no time of arrival")?
        .into_iter()
        .min())
}

/// How many sightings it holds.
pub(crate) async fn sightings(organisation: &Organisation) -> anyhow::Result<usize> {
    Ok(organisation
        .rows("/sightings", &[("limit", "1000".to_owned())])
        .await?
        .len())
}

/// Why it does, or does not, block the address.
pub(crate) async fn explanation(
    organisation: &Organisation,
    address: Ipv4Addr,
) -> anyhow::Result<Vec<String>> {
    let answer = organisation.get(&format!("/explain/{address}"), &[]).await?;
    serde_json::from_value(answer["lines"].clone()).context("an explanation has no lines")
}
