use super::*;

use proptest::prelude::*;

/// Messages, whether the stream ended well, and how many were cut.
fn cut(chunks: &[&[u8]]) -> (Vec<String>, bool, u64) {
    let stats = SourceStats::default();
    let budget = Arc::<Budget>::default();
    let (mut frames, mut out) = (Frames::new(Arc::clone(&budget)), Vec::new());
    let mut well = true;
    for chunk in chunks {
        well &= frames.feed(chunk, &stats, &mut out).is_ok();
    }
    well &= frames.finish(&mut out);
    drop(frames);
    assert_eq!(
        budget.0.load(Ordering::Relaxed),
        0,
        "what was borrowed was given back"
    );
    let out = out
        .into_iter()
        .map(|message| String::from_utf8_lossy(&message).into_owned());
    (out.collect(), well, stats.cut.get())
}

#[track_caller]
fn check(stream: &[u8], expected: &[&str]) {
    assert_eq!(cut(&[stream]).0, expected);
    let bytes: Vec<_> = stream.chunks(1).collect();
    assert_eq!(cut(&bytes).0, expected, "byte by byte");
}

#[test]
fn lines_and_counted_octets_follow_each_other() {
    check(b"<13>one\n<13>two\r\n", &["<13>one", "<13>two\r"]);
    check(
        b"7 <13>one8 <13>t\nwo\n<13>three\n",
        &["<13>one", "<13>t\nwo", "<13>three"],
    );
    check(b"<13>one\0<13>two\0", &["<13>one", "<13>two"]);
    check(b"\n\n\r\n<13>last", &["<13>last"]);
    check(b"", &[]);
}

#[test]
fn a_line_may_begin_with_digits() {
    check(
        b"2026-06-01T00:00:00Z host a: b\n12 apples\n007 <13>\n123456789 <13>\n5\n",
        &[
            "2026-06-01T00:00:00Z host a: b",
            "12 apples",
            "007 <13>",
            "123456789 <13>",
            "5",
        ],
    );
}

#[test]
fn what_is_torn_or_absurd_is_said() {
    assert_eq!(cut(&[b"9 <13>one"]), (vec![], false, 0));
    let (messages, well, _) = cut(&[b"99999999 <13>one"]);
    assert_eq!((messages.len(), well), (0, false));
}

#[test]
fn a_message_too_long_is_cut_and_the_next_one_is_whole() {
    let long = vec![b'x'; MAX_LINE_BYTES + 10];
    let (messages, _, cuts) = cut(&[b"<13>", &long, b"\n<13>next\n"]);
    assert_eq!((messages[0].len(), cuts), (MAX_LINE_BYTES, 1));
    assert_eq!(messages[1], "<13>next");
    let counted = format!("{} <{}", long.len() + 1, String::from_utf8(long).unwrap());
    let (messages, _, cuts) = cut(&[counted.as_bytes(), b"<13>next\n"]);
    assert_eq!((messages[0].len(), cuts), (MAX_LINE_BYTES, 1));
    assert_eq!(messages[1], "<13>next");
}

#[test]
fn all_connections_together_hold_no_more_than_their_budget() {
    let (stats, budget) = (SourceStats::default(), Arc::<Budget>::default());
    let long = vec![b'x'; MAX_LINE_BYTES];
    let mut out = Vec::new();
    let mut all: Vec<_> = (0..100).map(|_| Frames::new(Arc::clone(&budget))).collect();
    for frames in &mut all {
        frames.feed(&long, &stats, &mut out).unwrap();
    }
    let held: usize = all.iter().map(|frames| frames.held.len()).sum();
    assert!(held <= SHARED_BYTES + all.len() * FREE_BYTES, "{held}");
    assert!(all.iter().all(|frames| frames.held.len() >= FREE_BYTES));
}

proptest! {
    #[test]
    fn the_cut_into_chunks_does_not_matter(bytes: Vec<u8>, at in 0_usize..64) {
        let (first, second) = bytes.split_at(at.min(bytes.len()));
        prop_assert_eq!(cut(&[&bytes]), cut(&[first, second]));
    }

    #[test]
    fn what_was_framed_comes_out(messages in proptest::collection::vec(("<[0-9]{1,3}>[a-z <>0-9]{0,40}", any::<bool>()), 0..20)) {
        let mut stream = Vec::new();
        for (message, counted) in &messages {
            if *counted {
                stream.extend_from_slice(format!("{} {message}", message.len()).as_bytes());
            } else {
                stream.extend_from_slice(format!("{message}\n").as_bytes());
            }
        }
        let expected: Vec<_> = messages.into_iter().map(|(message, _)| message).collect();
        prop_assert_eq!(cut(&[&stream]).0, expected);
    }

    /// Digits, spaces and brackets are what decides; no mixture of them may hold more or less than it should.
    #[test]
    fn hostile_beginnings_do_no_harm(stream in "[0-9 <>\n]{0,200}") {
        let (messages, ..) = cut(&[stream.as_bytes()]);
        let kept: usize = messages.iter().map(String::len).sum();
        prop_assert!(kept <= stream.len());
    }
}
