//! How long it takes to have many addresses in the kernel: by us, end to end and the kernel's part alone, and by
//! one `nft -f` of the same set. Prints, asserts nothing.
//!
//! `unshare -n target/release/examples/speed 100000 0` after building the binary and this example; nft on PATH.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]
#![expect(
    clippy::unwrap_used,
    reason = "a trial on one's own machine, which may stop where it likes"
)]

#[path = "../../client/tests/it/lapi.rs"]
#[expect(dead_code, reason = "shared with the tests, which use the rest")]
mod lapi;

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lapi::{KEY, Lapi};
use vigie_bouncer_client::span::Family;
use vigie_bouncer_client::{Moment, Origin, Span, Term};
use vigie_bouncer_nftables::apply::Backend;
use vigie_bouncer_nftables::layout::{Found, Layout, removal};
use vigie_bouncer_nftables::plan::{self, Mirror};
use vigie_bouncer_nftables::transaction::{Hook, Transaction};

fn address(n: u32) -> Ipv4Addr {
    // Spread over the space, as real lists are; odd factors permute.
    Ipv4Addr::from_bits(0x0b00_0000 + n.wrapping_mul(2_654_435_761) % 0x6000_0000)
}

fn range(n: u32) -> u32 {
    0x8000_0000 + n * 0x200
}

const HOUR_SECS: u64 = 3_600;
const LOOK: Duration = Duration::from_millis(2);

fn timed<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let out = run();
    println!("{what:<58} {:>9.4} s", begin.elapsed().as_secs_f64());
    out
}

fn main() {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<u32>().unwrap());
    let (addresses, ranges) = (numbers.next().unwrap_or(100_000), numbers.next().unwrap_or(0));
    println!("{addresses} addresses, {ranges} ranges");
    let dir = tempfile::tempdir().unwrap();
    end_to_end(dir.path(), addresses, ranges);
    kernel_only(addresses, ranges);
    nft(dir.path(), addresses, ranges);
}

fn end_to_end(dir: &Path, addresses: u32, ranges: u32) {
    let lapi = Lapi::on_unix(&dir.join("api.sock"));
    let decide = |secs: u64| {
        let duration = format!("{secs}s");
        (0..addresses).for_each(|n| lapi.add(&address(n).to_string(), &duration));
        (0..ranges).for_each(|n| lapi.add(&format!("{}/24", Ipv4Addr::from_bits(range(n))), &duration));
    };
    decide(4 * HOUR_SECS);
    std::fs::write(dir.join("key"), KEY).unwrap();
    let program = std::env::current_exe()
        .unwrap()
        .parent()
        .unwrap()
        .join("../vigie-bouncer-nftables");
    let mut command = Command::new(program);
    command
        .args(["--once", "--log-level", "warn", "--key-file"])
        .arg(dir.join("key"));
    command
        .arg("--url")
        .arg(format!("unix://{}", dir.join("api.sock").display()));
    let begin = Instant::now();
    start(&mut command, "vigie: start of the bouncer to all in the kernel");
    // As a node tells them: what remains when they are asked for, and to say it takes a while here.
    let telling = Instant::now();
    decide(4 * HOUR_SECS);
    let passed = begin.elapsed().as_secs() + telling.elapsed().as_secs();
    decide(4 * HOUR_SECS - passed);
    start(&mut command, "vigie: started again, all there already");
    decide(5 * HOUR_SECS);
    start(&mut command, "vigie: started again, each with another end");
}

/// Runs it to its end, looking how much memory it takes at most.
fn start(command: &mut Command, what: &str) {
    let mut peak = String::new();
    timed(what, || {
        let mut child = command.spawn().unwrap();
        let status = format!("/proc/{}/status", child.id());
        let ended = loop {
            if let Some(ended) = child.try_wait().unwrap() {
                break ended;
            }
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            if let Some(line) = text.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
                line.trim().clone_into(&mut peak);
            }
            std::thread::park_timeout(LOOK);
        };
        assert!(ended.success());
    });
    println!("       with at most {peak} of memory");
}

fn kernel_only(addresses: u32, ranges: u32) {
    let now = Moment::from_secs(1_000);
    let term = Term {
        until: now.plus_secs(14_400),
        origin: Origin::Mesh,
    };
    let mut backend = Backend::open(false).unwrap();
    let layout = Layout {
        hooks: vec![Hook::Input, Hook::Forward],
        priority: -10,
    };
    backend.apply(&removal(), "vigie", now).unwrap();
    let renewal = layout.renew(&Found::default());
    backend.apply(&renewal.transaction, "vigie", now).unwrap();
    let mut mirror = Mirror::of(renewal.generation);
    let mut carry_out = |mirror: &mut Mirror, transactions: Vec<Transaction>| {
        for transaction in transactions {
            backend.apply(&transaction, "vigie", now).unwrap();
            mirror.record(&transaction);
        }
    };
    timed("vigie: plan and kernel only, addresses", || {
        let wanted = (0..addresses).map(|n| (IpAddr::V4(address(n)), Some(term)));
        let planned = plan::addresses(wanted, &mirror, now);
        carry_out(&mut mirror, planned);
    });
    timed("vigie: plan and kernel only, ranges", || {
        let first = |n| u128::from(range(n));
        let spans: Vec<Span> = (0..ranges)
            .map(|n| Span {
                first: first(n),
                last: first(n) + 255,
                term,
            })
            .collect();
        let planned = plan::ranges(&spans, Family::V4, &mirror, now);
        carry_out(&mut mirror, planned);
    });
    timed("vigie: one more address", || {
        let wanted = [(IpAddr::V4(Ipv4Addr::new(9, 9, 9, 9)), Some(term))];
        let planned = plan::addresses(wanted, &mirror, now);
        carry_out(&mut mirror, planned);
    });
    let next = layout.renew(&backend.find("vigie").unwrap());
    backend.apply(&next.transaction, "vigie", now).unwrap();
    timed("vigie: one generation takes the place of another", || {
        let retire = layout.retire(next.generation, &next.older);
        backend.apply(&retire, "vigie", now).unwrap();
    });
    backend.apply(&removal(), "vigie", now).unwrap();
}

fn nft(dir: &Path, addresses: u32, ranges: u32) {
    let mut text = String::from(
        "add table inet t\nadd set inet t a { type ipv4_addr; flags timeout; }\n\
         add set inet t r { type ipv4_addr; flags interval, timeout; }\n",
    );
    let list = |text: &mut String, set: &str, items: &mut dyn Iterator<Item = String>| {
        let items: Vec<String> = items.collect();
        if !items.is_empty() {
            writeln!(text, "add element inet t {set} {{ {} }}", items.join(", ")).unwrap();
        }
    };
    list(
        &mut text,
        "a",
        &mut (0..addresses).map(|n| format!("{} timeout 4h", address(n))),
    );
    list(
        &mut text,
        "r",
        &mut (0..ranges).map(|n| format!("{}/24 timeout 4h", Ipv4Addr::from_bits(range(n)))),
    );
    let file = dir.join("set.nft");
    std::fs::write(&file, text).unwrap();
    let run = |arguments: &[&str]| {
        Command::new("nft")
            .args(arguments)
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    if !run(&["--version"]) {
        return println!("nft is not on PATH: no comparison");
    }
    if !timed("nft -f of the same set", || run(&["-f", file.to_str().unwrap()])) {
        return println!("nft -f: more than this user's buffers hold: no comparison");
    }
    timed("nft: one more address", || {
        assert!(run(&["add element inet t a { 9.9.9.9 timeout 4h }"]));
    });
    assert!(run(&["delete table inet t"]));
}
