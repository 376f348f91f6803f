//! Asking the servers: a thread's worth of questions at once, each for as long as somebody may answer.
//!
//! A question has a turn for a second; who needs longer goes on in one of the late seats, so that those who never answer
//! do not hold up those who do. Before: `Dns`, which sends errands. After: its memory, and whoever still waits.
//! Deliberately absent: how long anybody waits.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{
    ABSENT_FOR, Answer, Errand, FAILED_FOR, FOUND_FOR, Known, MAX_ADDRESSES, MAX_NAMES, Memory, PATIENCE,
    PURSUIT, Question, lock,
};

/// Questions that have a turn at once, and as many that are late.
const AT_ONCE: usize = 32;
/// How long a turn is.
const TURN: Duration = Duration::from_secs(1);
/// How long the servers have to say that they are there.
const PROBE: Duration = Duration::from_secs(2);

/// Who asks, and where it is remembered.
#[derive(Clone)]
struct Finder {
    resolver: Arc<TokioResolver>,
    memory: Arc<Mutex<Memory>>,
    late: Arc<Semaphore>,
}

/// Runs errands until nobody sends any more.
pub(super) async fn pursue(
    mut errands: mpsc::Receiver<Errand>,
    resolver: TokioResolver,
    memory: Arc<Mutex<Memory>>,
) {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let finder = Finder {
        resolver: Arc::new(resolver),
        memory,
        late: Arc::new(Semaphore::new(AT_ONCE)),
    };
    let mut running = JoinSet::new();
    while let Some(errand) = errands.recv().await {
        while running.try_join_next().is_some() {}
        if errand.late {
            if let Ok(seat) = Arc::clone(&finder.late).try_acquire_owned() {
                running.spawn(finder.clone().run(errand, seat));
            } else {
                finder.told(&errand, None);
            }
            continue;
        }
        let Ok(turn) = Arc::clone(&turns).acquire_owned().await else {
            return;
        };
        running.spawn(finder.clone().run(errand, turn));
    }
}

// === impl Finder ===

impl Finder {
    async fn run(self, errand: Errand, seat: OwnedSemaphorePermit) {
        let found = self.search(&errand, seat).await;
        let silence = found.is_none();
        self.told(&errand, found);
        let Errand { asker, asked, .. } = errand;
        // Nobody waits while the servers are asked for themselves.
        drop(asker);
        let now = Instant::now();
        if silence && lock(&self.memory).servers.are_in_doubt(asked, now) {
            let speaks = speaks(&self.resolver).await;
            let (mut memory, now) = (lock(&self.memory), Instant::now());
            if speaks {
                memory.servers.heard(now);
            } else {
                memory.servers.unheard(now);
            }
        }
    }

    /// `None` if nobody said anything.
    async fn search(&self, errand: &Errand, seat: OwnedSemaphorePermit) -> Option<Vec<String>> {
        let mut finding = pin!(find(&self.resolver, &errand.question));
        let mut left = PURSUIT;
        if !errand.late {
            if let Ok(found) = timeout(TURN, &mut finding).await {
                return found;
            }
            left -= TURN;
        }
        let _late = if errand.late {
            seat
        } else {
            drop(seat);
            Arc::clone(&self.late).try_acquire_owned().ok()?
        };
        timeout(left, finding).await.ok()?
    }

    /// Remembers what was found, and tells whoever may still wait.
    fn told(&self, errand: &Errand, found: Option<Vec<String>>) {
        let now = Instant::now();
        let (answer, kept): (Answer, _) = match found {
            Some(found) if !found.is_empty() => (found.into(), FOUND_FOR),
            Some(_) => (Answer::default(), ABSENT_FOR),
            None => (Answer::default(), FAILED_FOR),
        };
        {
            let mut memory = lock(&self.memory);
            if kept != FAILED_FOR {
                memory.servers.heard(now);
                // It was not silent, there was only less time left than it needs.
                let in_time = now.saturating_duration_since(errand.asked) < PATIENCE;
                if let Some(network) = errand.question.network().filter(|_| in_time) {
                    memory.silent.forget(network);
                }
            }
            memory.put(
                errand.question.clone(),
                Known::Answered(Arc::clone(&answer)),
                now + kept,
            );
        }
        // Nobody may wait any more.
        drop(errand.asker.try_send(answer));
    }
}

// === asking ===

/// Whether any server says anything, about a question that everybody can answer at once.
async fn speaks(resolver: &TokioResolver) -> bool {
    resolver.clear_lookup_cache(Name::root(), RecordType::NS);
    match timeout(PROBE, resolver.lookup(Name::root(), RecordType::NS)).await {
        // That it will not answer is an answer too.
        Ok(Ok(_) | Err(NetError::Dns(_))) => true,
        Ok(Err(_)) | Err(_) => false,
    }
}

/// `None` if nobody said anything.
async fn find(resolver: &TokioResolver, question: &Question) -> Option<Vec<String>> {
    let ip = match question {
        Question::AddressesOf(name) => {
            let Ok(name) = Name::from_utf8(name) else {
                return Some(Vec::new());
            };
            let (four, six) = (
                addresses(resolver, &name, RecordType::A).await,
                addresses(resolver, &name, RecordType::AAAA).await,
            );
            let (Some(four), Some(six)) = (four, six) else {
                return None;
            };
            return Some(four.iter().chain(&six).map(IpAddr::to_string).collect());
        }
        Question::NameOf(ip) => *ip,
    };
    let kind = if ip.is_ipv4() {
        RecordType::A
    } else {
        RecordType::AAAA
    };
    let names = records(resolver, &Name::from(ip), RecordType::PTR).await?;
    for name in names.into_iter().take(MAX_NAMES) {
        let RData::PTR(name) = name else { continue };
        if addresses(resolver, &name.0, kind).await?.contains(&ip) {
            // With its final dot and in small letters, which is what rules compare with.
            let text = name.0.to_utf8().to_lowercase();
            return Some(vec![text]);
        }
    }
    Some(Vec::new())
}

async fn addresses(resolver: &TokioResolver, name: &Name, kind: RecordType) -> Option<Vec<IpAddr>> {
    let records = records(resolver, name, kind).await?;
    let addresses = records.into_iter().filter_map(|record| match record {
        RData::A(ip) => Some(IpAddr::V4(ip.0)),
        RData::AAAA(ip) => Some(IpAddr::V6(ip.0)),
        _ => None,
    });
    Some(addresses.take(MAX_ADDRESSES).collect())
}

/// The records of that kind; `None` where nobody answered, none where somebody said that there is none.
async fn records(resolver: &TokioResolver, name: &Name, kind: RecordType) -> Option<Vec<RData>> {
    // In full: the search list of the machine has no say in whose name this is.
    let mut name = name.clone();
    name.set_fqdn(true);
    match resolver.lookup(name, kind).await {
        Ok(found) => Some(found.answers().iter().map(|record| record.data.clone()).collect()),
        Err(error) if error.is_no_records_found() => Some(Vec::new()),
        Err(_) => None,
    }
}
