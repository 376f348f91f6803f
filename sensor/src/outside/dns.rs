//! Names of addresses and addresses of names, from the machine's own DNS servers.
//!
//! Whoever sends lines chooses what is asked and may own the servers that answer, so nothing here is without a bound: an
//! answer is waited for half a second at most, all waiting together takes a tenth of the time, and what comes later
//! is there the next time. A network whose servers said nothing is not waited for again for a while, so that it does
//! not use up what others need. A name counts only if it leads back to the address, as anybody may call his address
//! `crawl.googlebot.com`. Deliberately absent: a say in which servers are asked; the machine's `resolv.conf` has it.

mod pursue;
mod silence;

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
use hickory_resolver::proto::rr::Name;
use ipnet::IpNet;
use tokio::sync::mpsc;

use self::pursue::pursue;
use self::silence::{Networks, Servers, Speak};
use super::Resolver;

/// How long one line waits for an answer. Also what all may wait together at once.
const PATIENCE: Duration = Duration::from_millis(500);
/// Of so much time one part is for waiting.
const SHARE: u32 = 10;
/// How long a question is pursued, whether or not anybody still waits.
const PURSUIT: Duration = Duration::from_secs(5);
/// Questions that wait for their turn.
const QUEUE: usize = 256;
/// Answers that are remembered, and for how long: what was found, what is not there, and what nobody said.
const REMEMBERED: usize = 10_000;
const FOUND_FOR: Duration = Duration::from_hours(1);
const ABSENT_FOR: Duration = Duration::from_mins(10);
const FAILED_FOR: Duration = Duration::from_secs(30);
/// Names of one address that are looked at, and addresses of one name.
const MAX_NAMES: usize = 4;
const MAX_ADDRESSES: usize = 64;
/// How large the networks are taken to be whose servers are the same.
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
    /// Its network said nothing lately: it takes no turn of others.
    late: bool,
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
    silent: Networks,
    servers: Servers,
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

/// What to do about a question.
enum Step {
    Known(Answer),
    /// It is on its way, or there is nobody to ask.
    Nothing,
    /// Ask, for those who come later.
    Send {
        late: bool,
    },
    /// Ask, and wait for the answer.
    Wait,
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
            .spawn(move || runtime.block_on(pursue(queue, resolver, known)))?;
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
        let step = lock(&self.memory).step(&question, now);
        let answer = match step {
            Step::Known(answer) => Some(answer),
            Step::Nothing => None,
            Step::Send { late } => {
                self.send(question, now, late);
                None
            }
            Step::Wait => self.wait(question, now),
        };
        answer.unwrap_or_else(|| {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
            Answer::default()
        })
    }

    /// Asks, and waits as long as there is patience.
    fn wait(&self, question: Question, now: Instant) -> Option<Answer> {
        let network = question.network();
        let coming = self.send(question, now, false)?;
        let patience = lock(&self.allowance).take(now);
        let answered = coming.recv_timeout(patience);
        lock(&self.allowance).give_back(patience.saturating_sub(now.elapsed()));
        if let (Err(_), Some(network)) = (&answered, network) {
            lock(&self.memory).silent.note(network, now);
        }
        answered.ok()
    }

    /// Where the answer will come. `None` if too many questions wait: the next who asks tries again.
    fn send(&self, question: Question, now: Instant, late: bool) -> Option<Receiver<Answer>> {
        let (asker, answer) = sync_channel(1);
        let errand = Errand {
            question,
            asker,
            asked: now,
            late,
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
        if name.len() > NAME_BYTES || Name::from_utf8(name).is_err() {
            return Vec::new();
        }
        self.ask(Question::AddressesOf(name.to_ascii_lowercase()))
            .to_vec()
    }

    fn unanswered(&self) -> u64 {
        self.unanswered.load(Ordering::Relaxed)
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

// === impl Memory ===

impl Memory {
    fn step(&mut self, question: &Question, now: Instant) -> Step {
        match self.get(question, now) {
            Some(Known::Answered(answer)) => return Step::Known(answer),
            // Who finds it pursued already does not wait again: the first waited as long as there was patience.
            Some(Known::Pursued) => return Step::Nothing,
            None => {}
        }
        let step = match self.servers.speak(now) {
            Speak::Silent => return Step::Nothing,
            Speak::Perhaps => Step::Send { late: false },
            Speak::Yes => {
                let late = question
                    .network()
                    .is_some_and(|network| self.silent.has(network, now));
                if late { Step::Send { late } } else { Step::Wait }
            }
        };
        self.put(question.clone(), Known::Pursued, now + PURSUIT);
        step
    }

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
}
