//! The fetching itself: a task a partition, all on the source's own thread, which blocks while the intake is full.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder};
use rskafka::record::RecordAndOffset;
use rskafka::{BackoffConfig, client};
use tokio::task::{AbortHandle, JoinSet};
use vigie_wire::Timestamp;

use super::Kafka;
use crate::line::Position;
use crate::source::{Arrived, Closed, Outlet, Start, net, payload};
use crate::stats::SourceStats;

/// Bytes that are fetched at once.
const FETCH_BYTES: i32 = 1 << 20;
/// How long a fetch waits for a message, in milliseconds.
const WAIT_MS: i32 = 500;
/// The largest answer of a broker.
const MAX_ANSWER: usize = 16 << 20;
/// Partitions of one topic.
const MAX_PARTITIONS: usize = 1_024;
/// Between two looks for new partitions.
const RESCAN: Duration = Duration::from_mins(1);
/// How long a request is tried before it counts as failed.
const DEADLINE: Duration = Duration::from_secs(20);
/// The longest wait before another attempt.
const MAX_BACKOFF: Duration = Duration::from_mins(1);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A topic and what is known of it.
pub(crate) struct Topic {
    pub(crate) kafka: Kafka,
    pub(crate) kind: Arc<str>,
    pub(crate) start: Start,
    /// By the names of partitions.
    pub(crate) resume: HashMap<String, Position>,
}

/// One partition.
struct Partition {
    client: PartitionClient,
    source: Arc<str>,
    kind: Arc<str>,
    field: Option<String>,
    stats: Arc<SourceStats>,
    next: Cursor,
    outlet: Outlet,
}

/// A line: the message it is of, and which of its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    offset: i64,
    line: usize,
}

/// Consumes until told to stop.
pub(crate) async fn run(topic: Topic, outlet: Outlet) {
    let stats = outlet
        .stats
        .source(&format!("kafka {}", topic.kafka.topic).into());
    let mut backoff = Duration::from_secs(1);
    let mut following = Following::default();
    loop {
        let wait = match following.find(&topic, &outlet).await {
            Ok(()) => {
                backoff = Duration::from_secs(1);
                RESCAN
            }
            Err(error) => {
                stats.errors.add(1);
                tracing::warn!(
                    error,
                    topic = topic.kafka.topic,
                    "Kafka cannot be reached, trying again"
                );
                following.client = None;
                backoff = (backoff * 2).min(MAX_BACKOFF);
                backoff
            }
        };
        tokio::select! {
            () = outlet.stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// The partitions that are being read.
#[derive(Default)]
struct Following {
    client: Option<Client>,
    tasks: JoinSet<()>,
    partitions: BTreeMap<i32, AbortHandle>,
    looked: bool,
}

impl Following {
    /// Starts reading partitions that are not read yet.
    async fn find(&mut self, topic: &Topic, outlet: &Outlet) -> Result<(), Failure> {
        while self.tasks.try_join_next().is_some() {}
        self.partitions.retain(|_, task| !task.is_finished());
        let client = match &self.client {
            Some(client) => client,
            None => self.client.insert(connect(&topic.kafka).await?),
        };
        let topics = client.list_topics().await?;
        let found = topics.into_iter().find(|found| found.name == topic.kafka.topic);
        let found = found.ok_or_else(|| format!("there is no topic {:?}", topic.kafka.topic))?;
        let wanted = found
            .partitions
            .into_iter()
            .filter(|number| topic.kafka.partitions.is_empty() || topic.kafka.partitions.contains(number));
        for number in wanted.take(MAX_PARTITIONS) {
            if self.partitions.contains_key(&number) {
                continue;
            }
            let partition = topic.partition(client, number, self.looked, outlet).await?;
            let task = self.tasks.spawn(partition.follow());
            self.partitions.insert(number, task);
        }
        self.looked = true;
        Ok(())
    }
}

async fn connect(kafka: &Kafka) -> Result<Client, Failure> {
    let mut builder = ClientBuilder::new(kafka.brokers.clone())
        .client_id("vigie")
        .max_message_size(MAX_ANSWER)
        .backoff_config(BackoffConfig {
            deadline: Some(DEADLINE),
            ..BackoffConfig::default()
        });
    if let Some(path) = &kafka.ca {
        builder = builder.tls_config(Arc::new(net::client(path)?));
    }
    Ok(builder.build().await?)
}

// === impl Topic ===

impl Topic {
    async fn partition(
        &self,
        client: &Client,
        number: i32,
        later: bool,
        outlet: &Outlet,
    ) -> Result<Partition, client::error::Error> {
        let source: Arc<str> = format!("kafka {}/{number}", self.kafka.topic).into();
        let client = client
            .partition_client(&self.kafka.topic, number, UnknownTopicHandling::Retry)
            .await?;
        let next = if let Some(next) = self.resume.get(&*source).and_then(Cursor::of) {
            next
        } else {
            let from_end = self.start == Start::End && !later;
            let at = if from_end {
                OffsetAt::Latest
            } else {
                OffsetAt::Earliest
            };
            Cursor {
                offset: client.get_offset(at).await?,
                line: 0,
            }
        };
        Ok(Partition {
            client,
            stats: outlet.stats.source(&source),
            source,
            kind: Arc::clone(&self.kind),
            field: self.kafka.field.clone(),
            next,
            outlet: outlet.clone(),
        })
    }
}

// === impl Partition ===

impl Partition {
    /// Reads until told to stop.
    async fn follow(mut self) {
        let mut idle = false;
        let mut backoff = Duration::from_secs(1);
        let stop = self.outlet.stop.clone();
        loop {
            let fetched = tokio::select! {
                () = stop.cancelled() => return,
                fetched = self.client.fetch_records(self.next.offset, 1..FETCH_BYTES, WAIT_MS) => fetched,
            };
            let sent = match fetched {
                Ok((records, _)) if records.is_empty() => {
                    let first = !std::mem::replace(&mut idle, true);
                    if first {
                        self.outlet.idle(&self.source, Some(self.next.position()))
                    } else {
                        Ok(())
                    }
                }
                Ok((records, _)) => {
                    (idle, backoff) = (false, Duration::from_secs(1));
                    self.send(records)
                }
                Err(Error::ServerError {
                    protocol_error: ProtocolError::OffsetOutOfRange,
                    ..
                }) => {
                    // What we were to read is gone, or the topic is another one of the same name.
                    self.stats.gaps.add(1);
                    self.rewind().await;
                    Ok(())
                }
                Err(error) => {
                    self.stats.errors.add(1);
                    tracing::warn!(%error, partition = %self.source, "a partition cannot be read, trying again");
                    tokio::time::sleep(backoff).await;
                    backoff = (backoff * 2).min(MAX_BACKOFF);
                    Ok(())
                }
            };
            if sent.is_err() {
                return;
            }
        }
    }

    async fn rewind(&mut self) {
        match self.client.get_offset(OffsetAt::Earliest).await {
            Ok(offset) => self.next = Cursor { offset, line: 0 },
            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }

    fn send(&mut self, records: Vec<RecordAndOffset>) -> Result<(), Closed> {
        let mut arrived = Vec::new();
        for RecordAndOffset { record, offset } in records {
            // A compressed batch may begin before what was asked for.
            if offset < self.next.offset {
                continue;
            }
            let skipped = if offset == self.next.offset {
                self.next.line
            } else {
                0
            };
            let at = Some(Timestamp::from_millis(record.timestamp.timestamp_millis()));
            let message = record.value.unwrap_or_default();
            let lines =
                payload::lines(&message, self.field.as_deref(), &self.stats).unwrap_or_else(|reason| {
                    self.stats.malformed.add(1);
                    tracing::debug!(%reason, "a message is not what it should be");
                    Vec::new()
                });
            let lines = lines.into_iter().enumerate().skip(skipped);
            arrived.extend(lines.map(|(line, text)| Arrived {
                position: Cursor { offset, line }.position(),
                text,
                at,
            }));
            self.next = Cursor {
                offset: offset + 1,
                line: 0,
            };
        }
        self.outlet
            .arrived(&self.source, &self.kind, arrived, Some(self.next.position()))
    }
}

// === impl Cursor ===

impl Cursor {
    fn position(self) -> Position {
        Position::Cursor(match self.line {
            0 => self.offset.to_string(),
            line => format!("{}.{line}", self.offset),
        })
    }

    fn of(position: &Position) -> Option<Self> {
        let Position::Cursor(text) = position else {
            return None;
        };
        let (offset, line) = text.split_once('.').unwrap_or((text, "0"));
        Some(Self {
            offset: offset.parse().ok()?,
            line: line.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_a_message_has_a_position() {
        for cursor in [Cursor { offset: 7, line: 0 }, Cursor { offset: 7, line: 12 }] {
            assert_eq!(Cursor::of(&cursor.position()), Some(cursor));
        }
        assert_eq!(Cursor::of(&Position::Cursor("s=x".to_owned())), None);
    }
}
