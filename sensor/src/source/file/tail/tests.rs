//! Every line exactly once: through rename, copytruncate, compression, several rotations while down.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

const SETTLE: Duration = Duration::from_millis(20);

fn tail(path: &Path, begin: &Begin) -> Tail {
    Tail::new(path.to_owned(), begin, SETTLE, Arc::default()).unwrap()
}

/// Steps until nothing more comes, for so long that a rotation settles.
fn drain(tail: &mut Tail) -> Vec<(Position, String)> {
    let mut lines = Vec::new();
    let mut buffer = vec![0; 1_000];
    let mut quiet = Instant::now();
    while quiet.elapsed() < SETTLE * 4 {
        let before = lines.len();
        if tail.step(&mut buffer, &mut lines).unwrap() == Step::Idle {
            std::thread::sleep(Duration::from_millis(1));
        }
        if lines.len() > before {
            quiet = Instant::now();
        }
    }
    lines
}

fn texts(lines: &[(Position, String)]) -> Vec<&str> {
    lines.iter().map(|(_, text)| text.as_str()).collect()
}

fn append(path: &Path, text: &str) {
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}

fn gzip(from: &Path, to: &Path) {
    let mut encoder = flate2::write::GzEncoder::new(File::create(to).unwrap(), flate2::Compression::fast());
    encoder.write_all(&fs::read(from).unwrap()).unwrap();
    let modified = fs::metadata(from).unwrap().modified().unwrap();
    encoder.finish().unwrap().set_modified(modified).unwrap();
    fs::remove_file(from).unwrap();
}

fn at(position: &Position) -> Begin {
    let Position::File { file, offset } = *position else {
        panic!("a file has no cursor")
    };
    Begin::At { file, offset }
}

#[test]
fn a_file_may_appear_later_and_its_last_line_is_held_until_complete() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.log");
    let mut tail = tail(&path, &Begin::End);
    assert_eq!(texts(&drain(&mut tail)), [""; 0]);
    assert_eq!(tail.next(), Position::File { file: 0, offset: 0 });
    append(&path, "one\ntw");
    let first = drain(&mut tail);
    append(&path, "o\n");
    let second = drain(&mut tail);
    assert_eq!((texts(&first), texts(&second)), (vec!["one"], vec!["two"]));
    let Position::File { file, offset: 4 } = second[0].0 else {
        panic!("{second:?}")
    };
    assert_eq!(first[0].0, Position::File { file, offset: 0 });
    assert_eq!(tail.next(), Position::File { file, offset: 8 });
}

#[test]
fn from_the_end_means_from_the_line_that_is_being_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.log");
    append(&path, "old\nhalf");
    let mut tail = tail(&path, &Begin::End);
    append(&path, " and half\n");
    assert_eq!(texts(&drain(&mut tail)), ["half and half"]);
}

#[test]
fn what_is_written_into_a_renamed_file_is_read_before_the_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.log");
    append(&path, "1\n");
    let mut tail = tail(&path, &Begin::Beginning);
    assert_eq!(texts(&drain(&mut tail)), ["1"]);
    let mut writer = OpenOptions::new().append(true).open(&path).unwrap();
    fs::rename(&path, directory.path().join("a.log.1")).unwrap();
    File::create(&path).unwrap();
    writer.write_all(b"2\n").unwrap();
    assert_eq!(texts(&drain(&mut tail)), ["2"]);
    writer.write_all(b"3\nno newline").unwrap();
    append(&path, "4\n");
    assert_eq!(texts(&drain(&mut tail)), ["3", "no newline", "4"]);
}

#[test]
fn rotations_while_down_are_followed_by_fingerprint_also_when_compressed() {
    for compress in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        let name = |number: u32| directory.path().join(format!("a.log.{number}"));
        append(&path, "first 1\nfirst 2\nfirst 3\n");
        let mut before = tail(&path, &Begin::Beginning);
        let lines = drain(&mut before);
        drop(before);
        fs::rename(&path, name(3)).unwrap();
        append(&name(2), "second 1\nsecond 2\n");
        append(&name(1), "third 1\n");
        append(&path, "fourth 1\n");
        if compress {
            for number in [3, 2] {
                gzip(
                    &name(number),
                    &directory.path().join(format!("a.log.{number}.gz")),
                );
            }
        }
        let mut after = tail(&path, &at(&lines[1].0));
        let rest = drain(&mut after);
        assert_eq!(
            texts(&rest),
            [
                "first 2", "first 3", "second 1", "second 2", "third 1", "fourth 1"
            ]
        );
        // The same lines have the same positions, hence detections over them the same ids.
        assert_eq!(rest[..2], lines[1..]);
    }
}

#[test]
fn a_position_whose_file_is_gone_is_a_counted_gap() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.log");
    append(&path, "1\n");
    let mut tail = tail(&path, &Begin::At { file: 77, offset: 5 });
    assert_eq!(texts(&drain(&mut tail)), ["1"]);
    assert_eq!(tail.stats.gaps.get(), 1);
}

#[test]
fn truncation_is_seen_also_when_the_file_has_grown_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.log");
    append(&path, "1\n");
    let mut tail = tail(&path, &Begin::Beginning);
    assert_eq!(texts(&drain(&mut tail)), ["1"]);
    fs::copy(&path, directory.path().join("a.log.1")).unwrap();
    append(&directory.path().join("a.log.1"), "in the copy only\n");
    fs::write(&path, "another first line, longer than before\nmore\n").unwrap();
    let lines = drain(&mut tail);
    assert_eq!(
        texts(&lines),
        [
            "in the copy only",
            "another first line, longer than before",
            "more"
        ]
    );
    fs::write(&path, "").unwrap();
    assert_eq!(texts(&drain(&mut tail)), [""; 0]);
    append(&path, "after\n");
    assert_eq!(texts(&drain(&mut tail)), ["after"]);
    assert_eq!((tail.stats.truncations.get(), tail.stats.gaps.get()), (2, 1));
}

/// A writer appends numbered lines while a rotator rotates and a tail follows, being replaced now and then by a new
/// one that takes up its position, as after a restart.
fn every_line_once(rotate: impl Fn(&Path, u32) + Sync) {
    const LINES: usize = 4_000;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.log");
    let (done, lock) = (AtomicBool::new(false), Mutex::new(()));
    let mut seen = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..LINES {
                let held = lock.lock().unwrap();
                append(&path, &format!("line {number}\n"));
                drop(held);
                if number % 40 == 0 {
                    std::thread::sleep(Duration::from_millis(3));
                }
            }
            done.store(true, Ordering::Relaxed);
        });
        scope.spawn(|| {
            let mut generation = 0;
            while !done.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(35));
                let held = lock.lock().unwrap();
                rotate(&path, generation);
                drop(held);
                generation += 1;
            }
        });
        let mut follower = tail(&path, &Begin::Beginning);
        let mut buffer = vec![0; 300];
        let mut quiet = Instant::now();
        while !done.load(Ordering::Relaxed) || quiet.elapsed() < SETTLE * 10 {
            let before = seen.len();
            if follower.step(&mut buffer, &mut seen).unwrap() == Step::Idle {
                std::thread::sleep(Duration::from_millis(1));
            }
            if seen.len() > before {
                quiet = Instant::now();
                if seen.len() % 7 == 0 {
                    follower = tail(&path, &at(&follower.next()));
                }
            }
        }
    });
    let expected: Vec<String> = (0..LINES).map(|number| format!("line {number}")).collect();
    let got: Vec<String> = seen.into_iter().map(|(_, text)| text).collect();
    assert!(
        got == expected,
        "{} of {LINES} lines, first difference at {:?}",
        got.len(),
        { got.iter().zip(&expected).position(|(a, b)| a != b) }
    );
}

fn shift(path: &Path, generation: u32) {
    let name = |number: u32| path.with_file_name(format!("a.log.{number}"));
    for number in (1..generation.min(60)).rev() {
        if name(number).exists() {
            fs::rename(name(number), name(number + 1)).unwrap();
        }
    }
}

#[test]
fn rename_under_a_writer_loses_and_repeats_nothing() {
    every_line_once(|path, generation| {
        if path.exists() {
            shift(path, generation + 2);
            fs::rename(path, path.with_file_name("a.log.1")).unwrap();
        }
    });
}

#[test]
fn copytruncate_under_a_writer_loses_and_repeats_nothing() {
    every_line_once(|path, generation| {
        if path.exists() {
            shift(path, generation + 2);
            fs::copy(path, path.with_file_name("a.log.1")).unwrap();
            OpenOptions::new()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(0)
                .unwrap();
        }
    });
}
