//! Names of addresses and addresses of names, from the machine's own DNS servers.
//!
//! Whoever sends lines chooses what is asked and may own the servers that answer, so nothing here is without a bound: an
//! answer is waited for half a second at most, all waiting together takes a tenth of the time, and what comes later
//! is there the next time. A name counts only if it leads back to the address, as anybody may call his address
//! `crawl.googlebot.com`. Deliberately absent: a say in which servers are asked; the machine's `resolv.conf` has it.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::ResolverConfig;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::Resolver;

/// How long one line waits for an answer. Also what all may wait together at once.
const PATIENCE: Duration = Duration::from_millis(500);
/// Of so much time one part is for waiting.
const SHARE: u32 = 10;
/// How long a question is pursued, whether or not anybody still waits.
const PURSUIT: Duration = Duration::from_secs(5);
/// Questions that wait for their turn, and those that are pursued at once.
const QUEUE: usize = 256;
const AT_ONCE: usize = 32;
/// Answers that are remembered, and for how long: what was found, what is not there, and what nobody said.
const REMEMBERED: usize = 10_000;
const FOUND_FOR: Duration = Duration::from_hours(1);
const ABSENT_FOR: Duration = Duration::from_mins(10);
const FAILED_FOR: Duration = Duration::from_secs(30);
/// Names of one address that are looked at, and addresses of one name.
const MAX_NAMES: usize = 4;
const MAX_ADDRESSES: usize = 64;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Question {
    /// The confirmed name of an address.
    NameOf(IpAddr),
    AddressesOf(String),
}

type Answer = Arc<[String]>;

/// A question on its way, and who waits for the answer.
struct Errand {
    question: Question,
    asker: SyncSender<Answer>,
}

/// See the module.
pub struct Dns {
    errands: mpsc::Sender<Errand>,
    memory: Arc<Mutex<Memory>>,
    allowance: Mutex<Allowance>,
    unanswered: AtomicU64,
}

/// What was answered lately.
#[derive(Default)]
struct Memory {
    answers: HashMap<Question, Remembered>,
    order: VecDeque<Question>,
}

struct Remembered {
    known: Known,
    until: Instant,
}

#[derive(Clone)]
enum Known {
    /// It was asked, and the answer is not there yet.
    Pursued,
    Answered(Answer),
}

/// Time that may be spent waiting.
struct Allowance {
    left: Duration,
    at: Instant,
}

// === impl Dns ===

impl Dns {
    /// With the servers of the machine.
    pub fn of_machine() -> io::Result<Self> {
        Self::new(|| {
            TokioResolver::builder_tokio()
                .and_then(hickory_resolver::ResolverBuilder::build)
                .map_err(io::Error::other)
        })
    }

    /// With servers of one's own.
    pub fn with_servers(servers: ResolverConfig) -> io::Result<Self> {
        Self::new(move || {
            TokioResolver::builder_with_config(servers, TokioRuntimeProvider::default())
                .build()
                .map_err(io::Error::other)
        })
    }

    /// How many questions got no answer in time. Rules then took it that there is none.
    pub fn unanswered(&self) -> u64 {
        self.unanswered.load(Ordering::Relaxed)
    }

    fn new(resolver: impl FnOnce() -> io::Result<TokioResolver>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let resolver = {
            let _within = runtime.enter();
            resolver()?
        };
        let (errands, queue) = mpsc::channel(QUEUE);
        let memory = Arc::<Mutex<Memory>>::default();
        let known = Arc::clone(&memory);
        // It ends with the last sender.
        std::thread::Builder::new()
            .name("vigie-dns".to_owned())
            .spawn(move || runtime.block_on(pursue(queue, Arc::new(resolver), known)))?;
        Ok(Self {
            errands,
            memory,
            allowance: Mutex::new(Allowance {
                left: PATIENCE,
                at: Instant::now(),
            }),
            unanswered: AtomicU64::new(0),
        })
    }

    /// What is known or can be learnt in time; nothing otherwise.
    fn ask(&self, question: Question) -> Answer {
        let now = Instant::now();
        let pursued = {
            let mut memory = lock(&self.memory);
            match memory.get(&question, now) {
                Some(Known::Answered(answer)) => return answer,
                Some(Known::Pursued) => true,
                None => {
                    memory.put(question.clone(), Known::Pursued, now + PURSUIT);
                    false
                }
            }
        };
        let (asker, answer) = sync_channel(1);
        // Who finds it pursued already does not wait again: the first waited as long as there was patience.
        if !pursued && self.errands.try_send(Errand { question, asker }).is_ok() {
            let patience = lock(&self.allowance).take(now);
            let answered = answer.recv_timeout(patience);
            lock(&self.allowance).give_back(patience.saturating_sub(now.elapsed()));
            if let Ok(answer) = answered {
                return answer;
            }
        }
        self.unanswered.fetch_add(1, Ordering::Relaxed);
        Answer::default()
    }
}

impl Resolver for Dns {
    fn name(&self, address: &str) -> Option<String> {
        let address: IpAddr = address.parse().ok()?;
        self.ask(Question::NameOf(address.to_canonical()))
            .first()
            .cloned()
    }

    fn addresses(&self, name: &str) -> Vec<String> {
        self.ask(Question::AddressesOf(name.to_ascii_lowercase()))
            .to_vec()
    }
}

impl fmt::Debug for Dns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dns")
            .field("unanswered", &self.unanswered)
            .finish_non_exhaustive()
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl Memory ===

impl Memory {
    fn get(&self, question: &Question, now: Instant) -> Option<Known> {
        let remembered = self.answers.get(question).filter(|one| now < one.until)?;
        Some(remembered.known.clone())
    }

    fn put(&mut self, question: Question, known: Known, until: Instant) {
        let remembered = Remembered { known, until };
        if self.answers.insert(question.clone(), remembered).is_some() {
            return;
        }
        self.order.push_back(question);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.answers.remove(&oldest);
        }
    }
}

// === impl Allowance ===

impl Allowance {
    fn take(&mut self, now: Instant) -> Duration {
        let earned = now.saturating_duration_since(self.at) / SHARE;
        self.at = now;
        std::mem::take(&mut self.left)
            .saturating_add(earned)
            .min(PATIENCE)
    }

    fn give_back(&mut self, unused: Duration) {
        self.left = self.left.saturating_add(unused).min(PATIENCE);
    }
}

// === asking ===

async fn pursue(
    mut errands: mpsc::Receiver<Errand>,
    resolver: Arc<TokioResolver>,
    memory: Arc<Mutex<Memory>>,
) {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    while let Some(Errand { question, asker }) = errands.recv().await {
        let Ok(turn) = Arc::clone(&turns).acquire_owned().await else {
            return;
        };
        let (resolver, memory) = (Arc::clone(&resolver), Arc::clone(&memory));
        running.spawn(async move {
            let found = tokio::time::timeout(PURSUIT, find(&resolver, &question)).await;
            let (answer, kept): (Answer, _) = match found {
                Ok(Some(found)) if !found.is_empty() => (found.into(), FOUND_FOR),
                Ok(Some(_)) => (Answer::default(), ABSENT_FOR),
                Ok(None) | Err(_) => (Answer::default(), FAILED_FOR),
            };
            let known = Known::Answered(Arc::clone(&answer));
            lock(&memory).put(question, known, Instant::now() + kept);
            // Nobody may wait any more.
            drop(asker.try_send(answer));
            drop(turn);
        });
        while running.try_join_next().is_some() {}
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
