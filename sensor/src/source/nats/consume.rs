//! The consumer itself: connects, fetches, hands in, acknowledges; and again, later each time, when anything fails.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::ConnectOptions;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::{self, Message};
use futures::StreamExt;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::Nats;
use crate::source::inbox::{self, Delivery, Inbox, Record};
use crate::source::{Start, net, payload};

/// Messages that are fetched, and acknowledged, at once. Each has up to a mebibyte, unless the server is told otherwise.
const BATCH: usize = 100;
/// After so long without an acknowledgement a message is delivered again.
const ACK_WAIT: Duration = Duration::from_secs(10);
/// What the server may take longer than it says.
const SLACK: Duration = Duration::from_secs(1);
/// The longest wait before another attempt.
const MAX_BACKOFF: Duration = Duration::from_mins(1);

/// What tells the messages of one stream from those of another that bears its name.
struct Seen {
    /// When the stream was made, in nanoseconds since 1970.
    created: i128,
    /// The highest number of a message that came for the first time.
    highest: u64,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Consumes until told to stop.
pub(crate) async fn run(nats: Nats, start: Start, inbox: Inbox, stop: CancellationToken) {
    let mut backoff = Duration::from_secs(1);
    loop {
        let ended = tokio::select! {
            () = stop.cancelled() => return,
            ended = session(&nats, start, &inbox, &mut backoff) => ended,
        };
        if let Err(error) = ended {
            inbox.stats.errors.add(1);
            tracing::warn!(
                error,
                stream = nats.stream,
                wait_ms = backoff.as_millis(),
                "NATS cannot be read, trying again"
            );
        } else {
            return;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(backoff) => {}
        }
        backoff = (backoff * 2).min(MAX_BACKOFF);
    }
}

/// One connection, to its first failure. `Ok` if nobody takes lines any more.
async fn session(nats: &Nats, start: Start, inbox: &Inbox, backoff: &mut Duration) -> Result<(), Failure> {
    let (mut consumer, created) = connect(nats, start, inbox).await?;
    let mut seen = Seen { created, highest: 0 };
    let info = consumer.info().await?;
    if info.num_ack_pending > 0 {
        // Delivered to us before we died, and not acknowledged. They come again first, but only when their time is up;
        // whoever fetches earlier gets younger messages before them.
        let wait = info.config.ack_wait + SLACK;
        tracing::info!(
            stream = nats.stream,
            messages = info.num_ack_pending,
            wait_ms = wait.as_millis(),
            "waiting for messages that were not acknowledged"
        );
        tokio::time::sleep(wait).await;
    }
    let messages = consumer.stream().max_messages_per_batch(BATCH).messages().await?;
    let mut batches = messages.ready_chunks(BATCH);
    while let Some(batch) = batches.next().await {
        let batch = batch.into_iter().collect::<Result<Vec<_>, _>>()?;
        *backoff = Duration::from_secs(1);
        if !take(nats, batch, inbox, &mut seen).await? {
            return Ok(());
        }
    }
    Err("the subscription has ended".into())
}

/// Our consumer of the stream, and when the stream was made.
async fn connect(nats: &Nats, start: Start, inbox: &Inbox) -> Result<(PullConsumer, i128), Failure> {
    let mut options = ConnectOptions::new().name("vigie");
    if let Some(path) = &nats.credentials {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        options = options.credentials(&text)?;
    }
    if let Some(path) = &nats.ca {
        options = options.tls_client_config(net::client(path)?);
    }
    let client = options.connect(nats.servers.as_slice()).await?;
    let stream = jetstream::new(client).get_stream(&nats.stream).await?;
    let created = stream.cached_info().created;
    // Only a consumer that is not there is made so. It was there if we took anything: then we go on from that.
    let latest = inbox.latest.load(Ordering::Relaxed);
    let since_made = latest.saturating_sub(millis(created.unix_timestamp_nanos())?);
    let deliver_policy = match (latest, start) {
        (0, Start::Beginning) => DeliverPolicy::All,
        (0, Start::End) => DeliverPolicy::New,
        // All of it came after what we took: the stream was made again.
        _ if since_made <= 0 => DeliverPolicy::All,
        _ => DeliverPolicy::ByStartTime {
            start_time: created + Duration::from_millis(since_made.unsigned_abs()),
        },
    };
    let config = pull::Config {
        durable_name: Some(nats.consumer.clone()),
        description: Some("Vigie".to_owned()),
        deliver_policy,
        ack_policy: AckPolicy::Explicit,
        ack_wait: ACK_WAIT,
        filter_subject: nats.subject.clone().unwrap_or_default(),
        ..pull::Config::default()
    };
    let consumer = stream.get_or_create_consumer(&nats.consumer, config).await?;
    Ok((consumer, created.unix_timestamp_nanos()))
}

/// Hands in a batch and acknowledges it once it is on disk; `false` if nobody takes it any more.
async fn take(nats: &Nats, messages: Vec<Message>, inbox: &Inbox, seen: &mut Seen) -> Result<bool, Failure> {
    let mut records = Vec::new();
    for message in &messages {
        records.extend(records_of(nats, message, inbox, seen)?);
    }
    let (taken, on_disk) = oneshot::channel();
    let delivery = Delivery {
        records,
        taken: Some(taken),
    };
    if inbox.sender.send(delivery).await.is_err() {
        return Ok(false);
    }
    match on_disk.await {
        Ok(written) => written?,
        Err(_ended) => return Ok(false),
    }
    for message in &messages {
        message.ack().await?;
    }
    Ok(true)
}

/// The lines of a message. One that is malformed is acknowledged like any other: it would not get better.
fn records_of(
    nats: &Nats,
    message: &Message,
    inbox: &Inbox,
    seen: &mut Seen,
) -> Result<Vec<Record>, Failure> {
    let info = message.info()?;
    if info.delivered == 1 && info.stream_sequence <= seen.highest {
        return Err("the stream counts anew: it was made again".into());
    }
    seen.highest = seen.highest.max(info.stream_sequence);
    let at = millis(info.published.unix_timestamp_nanos())?;
    let lines = match payload::lines(&message.payload, nats.field.as_deref(), &inbox.stats) {
        Ok(lines) => lines,
        Err(reason) => {
            inbox.stats.malformed.add(1);
            tracing::debug!(%reason, "a message is not what it should be");
            Vec::new()
        }
    };
    let parts: [&[u8]; 2] = [&seen.created.to_le_bytes(), &info.stream_sequence.to_le_bytes()];
    Ok(inbox::numbered(lines, at, inbox::number_of("nats", &parts)))
}

fn millis(nanos: i128) -> Result<i64, Failure> {
    Ok(i64::try_from(nanos / 1_000_000)?)
}
