//! Names of addresses and addresses of names, from the machine's own DNS servers.
//!
//! Whoever sends lines chooses what is asked and may own the servers that answer, so nothing here is without a bound: an
//! answer is waited for half a second at most, all waiting together takes a tenth of the time, and what comes later
//! is there the next time. A network whose servers said nothing is not waited for again for a while, so that it does
//! not use up what others need. A name counts only if it leads back to the address, as anybody may call his address
//! `crawl.googlebot.com`. Deliberately absent: a say in which servers are asked; the machine's `resolv.conf` has it.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::ResolverConfig;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use ipnet::IpNet;
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
/// Networks that are not waited for: for how long, how many, and how large they are taken to be.
const SILENT_FOR: Duration = Duration::from_secs(30);
const SILENT: usize = 256;
const NETWORK_4: u8 = 24;
const NETWORK_6: u8 = 48;
/// Longest name in DNS, in bytes (RFC 1035).
const NAME_BYTES: usize = 255;

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
    asked: Instant,
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
    silent: Silent,
}

/// Networks whose answers did not come in time, the latest last.
#[derive(Default)]
struct Silent(VecDeque<(IpNet, Instant)>);

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
        let network = question.network();
        let (pursued, silent) = {
            let mut memory = lock(&self.memory);
            match memory.get(&question, now) {
                Some(Known::Answered(answer)) => return answer,
                Some(Known::Pursued) => (true, false),
                None => {
                    memory.put(question.clone(), Known::Pursued, now + PURSUIT);
                    (
                        false,
                        network.is_some_and(|network| memory.silent.has(network, now)),
                    )
                }
            }
        };
        // Who finds it pursued already does not wait again: the first waited as long as there was patience.
        if !pursued
            && let Some(answer) = self.send(question, now)
            && !silent
        {
            let patience = lock(&self.allowance).take(now);
            let answered = answer.recv_timeout(patience);
            lock(&self.allowance).give_back(patience.saturating_sub(now.elapsed()));
            match (answered, network) {
                (Ok(answer), _) => return answer,
                (Err(_), Some(network)) => lock(&self.memory).silent.note(network, now),
                (Err(_), None) => {}
            }
        }
        self.unanswered.fetch_add(1, Ordering::Relaxed);
        Answer::default()
    }

    /// Where the answer will come. `None` if too many questions wait: the next who asks tries again.
    fn send(&self, question: Question, now: Instant) -> Option<Receiver<Answer>> {
        let (asker, answer) = sync_channel(1);
        let errand = Errand {
            question,
            asker,
            asked: now,
        };
        let Err(unsent) = self.errands.try_send(errand) else {
            return Some(answer);
        };
        let question = unsent.into_inner().question;
        lock(&self.memory).put(question, Known::Pursued, now);
        None
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
        // Lines may hold anything; what can be no name is neither asked nor remembered.
        if name.len() > NAME_BYTES {
            return Vec::new();
        }
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

// === impl Question ===

impl Question {
    /// The network whose servers answer. Names may have theirs anywhere.
    fn network(&self) -> Option<IpNet> {
        let Self::NameOf(ip) = self else { return None };
        let bits = if ip.is_ipv4() { NETWORK_4 } else { NETWORK_6 };
        Some(IpNet::new(*ip, bits).ok()?.trunc())
    }
}

// === impl Silent ===

impl Silent {
    fn has(&self, network: IpNet, now: Instant) -> bool {
        let lately = |at: Instant| now.saturating_duration_since(at) < SILENT_FOR;
        self.0.iter().any(|(noted, at)| *noted == network && lately(*at))
    }

    fn note(&mut self, network: IpNet, now: Instant) {
        self.forget(network);
        self.0.push_back((network, now));
        if self.0.len() > SILENT {
            self.0.pop_front();
        }
    }

    fn forget(&mut self, network: IpNet) {
        self.0.retain(|(noted, _)| *noted != network);
    }
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
    while let Some(errand) = errands.recv().await {
        let Ok(turn) = Arc::clone(&turns).acquire_owned().await else {
            return;
        };
        let (resolver, memory) = (Arc::clone(&resolver), Arc::clone(&memory));
        running.spawn(async move {
            let Errand {
                question,
                asker,
                asked,
            } = errand;
            let found = tokio::time::timeout(PURSUIT, find(&resolver, &question)).await;
            let (answer, kept): (Answer, _) = match found {
                Ok(Some(found)) if !found.is_empty() => (found.into(), FOUND_FOR),
                Ok(Some(_)) => (Answer::default(), ABSENT_FOR),
                Ok(None) | Err(_) => (Answer::default(), FAILED_FOR),
            };
            let (known, now) = (Known::Answered(Arc::clone(&answer)), Instant::now());
            {
                let mut memory = lock(&memory);
                // It was not silent, there was only less time left than it needs.
                let in_time = kept != FAILED_FOR && now.saturating_duration_since(asked) < PATIENCE;
                if let Some(network) = question.network().filter(|_| in_time) {
                    memory.silent.forget(network);
                }
                memory.put(question, known, now + kept);
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_found_no_room_is_asked_again_and_what_is_no_name_never() {
        let (errands, mut queue) = mpsc::channel(1);
        let dns = Dns {
            errands,
            memory: Arc::default(),
            allowance: Mutex::new(Allowance {
                left: Duration::ZERO,
                at: Instant::now(),
            }),
            unanswered: AtomicU64::new(0),
        };
        let mut sent = || queue.try_recv().ok().map(|errand| errand.question);
        let question = |name: &str| Some(Question::AddressesOf(name.to_owned()));
        assert!(dns.addresses(&"x".repeat(NAME_BYTES + 1)).is_empty());
        assert!(sent().is_none() && lock(&dns.memory).answers.is_empty());
        assert!(dns.addresses("a.example").is_empty() && dns.addresses("b.example").is_empty());
        assert_eq!((sent(), sent()), (question("a.example"), None));
        assert!(dns.addresses("a.example").is_empty() && dns.addresses("b.example").is_empty());
        assert_eq!((sent(), sent()), (question("b.example"), None));
    }

    #[test]
    fn networks_that_say_nothing_are_known_for_a_while_and_are_not_many() {
        let network = |text: &str| Question::NameOf(text.parse().unwrap()).network().unwrap();
        let (mut silent, now) = (Silent::default(), Instant::now());
        silent.note(network("192.0.2.99"), now);
        silent.note(network("2001:db8:7::1"), now);
        for (ip, expected) in [
            ("192.0.2.1", true),
            ("192.0.3.1", false),
            ("2001:db8:7:ffff::2", true),
            ("2001:db8:8::1", false),
        ] {
            assert_eq!(silent.has(network(ip), now), expected, "{ip}");
            assert!(!silent.has(network(ip), now + SILENT_FOR), "{ip}");
        }
        silent.forget(network("192.0.2.7"));
        assert!(!silent.has(network("192.0.2.1"), now));
        for number in 0..1_000 {
            silent.note(network(&format!("10.{}.{}.1", number / 250, number % 250)), now);
        }
        assert_eq!(silent.0.len(), SILENT);
    }
}
