//! What `bench/api.py` sets on a Local API: readers that ask for addresses, and readers that are pushed to.
//!
//! `load ask ADDRESS KEY SECS CONNECTIONS [IP...]` asks for one address after the other on each connection, and says how
//! many answers came and how long they took. `load follow ADDRESS KEY READERS ROUNDS COMMAND...` opens the pushed streams,
//! says so, and for each line it reads then runs the command with `{}` replaced by an address of the round, and says how
//! long it took from its start until each reader was told. One JSON object a line. Deliberately absent: HTTP beyond
//! `content-length` and what two known servers send.

use std::error::Error;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// No round takes longer than this.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["ask", address, key, secs, connections, ips @ ..] if !ips.is_empty() => {
            ask(address, key, secs.parse()?, connections.parse()?, ips).await
        }
        ["follow", address, key, readers, rounds, command @ ..] if !command.is_empty() => {
            follow(address, key, readers.parse()?, rounds.parse()?, command).await
        }
        _ => Err(
            "load ask ADDRESS KEY SECS CONNECTIONS IP... | load follow ADDRESS KEY READERS ROUNDS COMMAND..."
                .into(),
        ),
    }
}

fn request(path: &str, key: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: load/1\r\nX-Api-Key: {key}\r\n\r\n")
        .into_bytes()
}

/// The value at so many parts of a hundred, in milliseconds.
fn part(sorted: &[Duration], hundredths: usize) -> f64 {
    let at = (sorted.len() * hundredths / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(0.0, Duration::as_secs_f64) * 1_000.0
}

// === ask ===

async fn ask(address: &str, key: &str, secs: u64, connections: usize, ips: &[&str]) -> Outcome<()> {
    let mut tasks = JoinSet::new();
    let end = Instant::now() + Duration::from_secs(secs);
    for nth in 0..connections {
        let ips = ips
            .iter()
            .map(|ip| request(&format!("/v1/decisions?ip={ip}"), key));
        let mut requests: Vec<Vec<u8>> = ips.collect();
        let many = requests.len();
        requests.rotate_left(nth * 7_919 % many);
        let address = address.to_owned();
        tasks.spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let mut took = Vec::new();
            let (mut buffer, mut banned) = (Vec::new(), 0_u64);
            for request in requests.iter().cycle() {
                let begun = Instant::now();
                if begun >= end {
                    break;
                }
                stream.write_all(request).await?;
                banned += u64::from(answer(&mut stream, &mut buffer).await?);
                took.push(begun.elapsed());
            }
            Outcome::Ok((took, banned))
        });
    }
    let begun = Instant::now();
    let (mut took, mut banned) = (Vec::new(), 0);
    while let Some(done) = tasks.join_next().await {
        let (times, hits) = done??;
        took.extend(times);
        banned += hits;
    }
    took.sort_unstable();
    let rate = f64::from(u32::try_from(took.len())?) / begun.elapsed().as_secs_f64();
    say(
        &json!({"requests": took.len(), "per_s": rate.round(), "with_decision": banned,
        "p50_ms": part(&took, 50), "p99_ms": part(&took, 99)}),
    );
    Ok(())
}

/// Reads one answer of known length, and says whether something is decided.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Outcome<bool> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err("the server hung up".into());
        }
        let Some(head) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let text = std::str::from_utf8(buffer.get(..head).unwrap_or_default())?;
        if !text.starts_with("HTTP/1.1 200") {
            return Err(text.to_owned().into());
        }
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.parse::<usize>().ok())?
        });
        let whole = head + 4 + length.ok_or("an answer without a length")?;
        while buffer.len() < whole {
            if stream.read_buf(buffer).await? == 0 {
                return Err("the server hung up".into());
            }
        }
        return Ok(buffer.get(head + 4) == Some(&b'['));
    }
}

// === follow ===

async fn follow(address: &str, key: &str, readers: usize, rounds: u8, command: &[&str]) -> Outcome<()> {
    let (told, mut heard) = mpsc::channel(readers.max(1) * 2);
    let mut tasks = JoinSet::new();
    for _ in 0..readers {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(&request("/v1/decisions/events", key)).await?;
        let mut head = [0; 12];
        stream.read_exact(&mut head).await?;
        if head != *b"HTTP/1.1 200" {
            return Err(String::from_utf8_lossy(&head).into_owned().into());
        }
        let told = told.clone();
        tasks.spawn(async move {
            let mut lines = BufReader::with_capacity(1_024, stream).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if line.starts_with("data: ") && told.send((Instant::now(), line)).await.is_err() {
                    break;
                }
            }
        });
    }
    say(&json!({"following": readers}));
    for round in 0..rounds {
        let mut line = String::new();
        if tokio::task::spawn_blocking(move || std::io::stdin().read_line(&mut line)).await?? == 0 {
            break;
        }
        let ip = format!("198.51.100.{}", round.saturating_add(1));
        let words: Vec<String> = command.iter().map(|word| word.replace("{}", &ip)).collect();
        let (program, rest) = words.split_first().ok_or("no command")?;
        let begun = Instant::now();
        let mut child = Command::new(program)
            .args(rest)
            .stdout(std::process::Stdio::null())
            .spawn()?;
        let mut took = Vec::new();
        while took.len() < readers {
            let (at, line) = tokio::time::timeout(PATIENCE, heard.recv())
                .await?
                .ok_or("no reader is left")?;
            if line.contains(&ip) {
                took.push(at.saturating_duration_since(begun));
            }
        }
        child.wait().await?;
        took.sort_unstable();
        say(
            &json!({"first_ms": part(&took, 0), "p50_ms": part(&took, 50), "p99_ms": part(&took, 99), "max_ms": part(&took, 100)}),
        );
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is what it is asked for")]
fn say(what: &serde_json::Value) {
    println!("{what}");
}
