//! Sightings, row by row.

use async_trait::async_trait;
use vigie_wire::{Behaviour, Count, OrgId, PublisherId, RuleHash, Sighting, SightingId, Timestamp};

use super::query::{Column, Query};
use super::row::{Columns, Row};
use super::{Database, Transaction};
use crate::{NewEnvelope, SightingFilter, SightingRow, Sightings, StoreError, columns};

/// Rows per statement: eight values each, far below the 32766 that SQLite allows.
const CHUNK: usize = 256;

const SELECT: &str =
    "SELECT e.publisher, e.epoch, e.seq, s.row, s.org, s.family, s.value, s.behaviour, s.rule, s.at,
        s.count, s.confidence, s.received_at, s.retracted_at
    FROM sighting s JOIN envelope e ON e.id = s.envelope WHERE TRUE";
const RETRACT: &str = " WHERE retracted_at IS NULL AND (envelope, row) IN (SELECT e.id, gone.place FROM gone
    JOIN envelope e ON e.publisher = gone.publisher AND e.epoch = gone.epoch AND e.seq = gone.seq)";
// What was taken back before it came.
const TAKEN_BACK: &str = "UPDATE sighting SET retracted_at = gone.at
    FROM envelope e JOIN retraction gone
        ON gone.publisher = e.publisher AND gone.epoch = e.epoch AND gone.seq = e.seq
    WHERE e.id = $1 AND sighting.envelope = e.id AND sighting.row = gone.row";

#[async_trait]
impl<D: Database> Sightings for D {
    async fn sightings(&self, filter: &SightingFilter) -> Result<Vec<SightingRow>, StoreError> {
        let mut query = Query::new(SELECT);
        if let Some(indicator) = &filter.indicator {
            query
                .push(" AND s.value = ")
                .push_bind(columns::indicator_value(indicator));
            query
                .push(" AND s.family = ")
                .push_bind(columns::indicator_family(indicator));
        }
        if let Some(org) = &filter.org {
            query.push(" AND s.org = ").push_bind(&org.0);
        }
        if let Some(since) = filter.since {
            query.push(" AND s.received_at >= ").push_bind(since);
        }
        query
            .push(" ORDER BY s.received_at DESC, s.envelope DESC, s.row DESC")
            .limit(filter.limit);
        self.fetch(query).await?.into_iter().map(sighting).collect()
    }

    async fn retract(&self, sightings: &[SightingId], at: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        for chunk in sightings.chunks(CHUNK) {
            let gone = || Query::with(self.binds_arrays(), "gone", places(chunk));
            let mut here = gone();
            here.push("UPDATE sighting SET retracted_at = ")
                .push_bind(at)
                .push(RETRACT);
            tx.execute(here).await?;
            let mut early = gone();
            early
                .push("INSERT INTO retraction (publisher, epoch, seq, row, at) SELECT gone.*, ")
                .push_bind(at)
                .push(" FROM gone WHERE TRUE ON CONFLICT DO NOTHING");
            tx.execute(early).await?;
        }
        tx.commit().await
    }
}

fn places(ids: &[SightingId]) -> Vec<(&'static str, Column<'_>)> {
    vec![
        (
            "publisher",
            Column::blobs(ids.iter().map(|id| id.publisher.0.as_slice())),
        ),
        ("epoch", Column::ints(ids.iter().map(|id| id.epoch))),
        (
            "seq",
            Column::ints(ids.iter().map(|id| columns::seq_column(id.seq))),
        ),
        ("place", Column::ints(ids.iter().map(|id| id.row))),
    ]
}

/// Writes the sightings of an envelope that was just written under this number.
pub(super) async fn insert(
    tx: &mut dyn Transaction,
    arrays: bool,
    number: i64,
    envelope: &NewEnvelope,
) -> Result<(), StoreError> {
    for chunk in envelope.sightings.chunks(CHUNK) {
        let each = || chunk.iter().map(|(_, sighting)| sighting);
        let indicators = || each().map(|one| &one.indicator);
        let columns = vec![
            ("place", Column::ints(chunk.iter().map(|(id, _)| id.row))),
            (
                "family",
                Column::texts(indicators().map(columns::indicator_family)),
            ),
            ("value", Column::texts(indicators().map(columns::indicator_value))),
            ("behaviour", Column::ints(each().map(|one| one.behaviour.0))),
            ("rule", Column::blobs(each().map(|one| one.rule.0.as_slice()))),
            ("at", Column::ints(each().map(|one| one.at.as_millis()))),
            ("count", Column::ints(each().map(|one| one.count.log2()))),
            ("confidence", Column::ints(each().map(|one| one.confidence))),
        ];
        let mut query = Query::with(arrays, "seen", columns);
        query
            .push(
                "INSERT INTO sighting (envelope, org, received_at, row, family, value, behaviour, rule, at, count, confidence)
                    SELECT ",
            )
            .push_bind(number)
            .push(", ")
            .push_bind(&envelope.org.0)
            .push(", ")
            .push_bind(envelope.received_at)
            .push(", seen.* FROM seen");
        tx.execute(query).await?;
    }
    tx.execute(Query::new(TAKEN_BACK).bind(number)).await?;
    Ok(())
}

fn sighting(row: Row) -> Result<SightingRow, StoreError> {
    let mut row = Columns::new(row, "sighting");
    let value = row.text("value")?;
    let log2: u8 = row.number("count")?;
    Ok(SightingRow {
        id: SightingId {
            publisher: PublisherId(row.array("publisher")?),
            epoch: row.number("epoch")?,
            seq: columns::seq(row.number("seq")?),
            row: row.number("row")?,
        },
        org: OrgId(row.array("org")?),
        sighting: Sighting {
            indicator: row.read("family", |family| columns::indicator(family, &value))?,
            behaviour: Behaviour(row.number("behaviour")?),
            rule: RuleHash(row.array("rule")?),
            at: row.time("at")?,
            count: Count::from_log2(log2).ok_or_else(|| row.bad("count", log2))?,
            confidence: row.number("confidence")?,
        },
        received_at: row.time("received_at")?,
        retracted_at: row.time_or_none("retracted_at")?,
    })
}
