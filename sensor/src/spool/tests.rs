use super::*;

fn record(number: u64, text: &str) -> Record {
    Record {
        at: 1,
        number,
        text: text.to_owned(),
    }
}

fn texts(spool: &Spool) -> Vec<(u64, String)> {
    let mut reading = spool.read();
    std::iter::from_fn(|| reading.next_record())
        .map(|(offset, record)| (offset, record.text))
        .collect()
}

#[test]
fn what_was_appended_is_there_after_a_restart_at_the_same_offsets() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(directory.path(), None, Bounds::default()).unwrap();
    assert_eq!(
        spool.append(&[record(0, "one"), record(7, "two")], true).unwrap(),
        [0, 27]
    );
    spool.append(&[record(0, "")], false).unwrap();
    let end = spool.end();
    let mut spool = Spool::open(directory.path(), Some(27), Bounds::default()).unwrap();
    assert_eq!(spool.end(), end);
    assert_eq!(
        texts(&spool),
        [(0, "one".to_owned()), (27, "two".to_owned()), (54, String::new())]
    );
    assert_eq!(spool.append(&[record(0, "x")], true).unwrap(), [end]);
}

#[test]
fn a_torn_end_is_cut_off_at_every_byte() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(directory.path(), None, Bounds::default()).unwrap();
    spool
        .append(&[record(0, "first"), record(0, "second")], true)
        .unwrap();
    let path = directory.path().join("00000000000000000000.lines");
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let mut spool = Spool::open(directory.path(), None, Bounds::default()).unwrap();
        let kept = if length >= 29 { 29 } else { 0 };
        assert_eq!(spool.end(), kept, "{length}");
        spool.append(&[record(0, "third")], true).unwrap();
        assert_eq!(texts(&spool).last().unwrap(), &(kept, "third".to_owned()));
    }
    let mut damaged = whole.clone();
    damaged[40] ^= 1;
    fs::write(&path, &damaged).unwrap();
    assert_eq!(
        texts(&Spool::open(directory.path(), None, Bounds::default()).unwrap()).len(),
        1
    );
}

#[test]
fn positions_never_go_back_when_the_files_are_gone_or_the_disk_takes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(directory.path(), Some(5_000), Bounds::default()).unwrap();
    assert_eq!(spool.append(&[record(0, "one")], true).unwrap(), [5_000]);
    assert_eq!(
        spool.pass(&[record(0, "lost"), record(0, "lost")]),
        [5_027, 5_055]
    );
    assert_eq!(spool.append(&[record(0, "two")], true).unwrap(), [5_083]);
    let spool = Spool::open(directory.path(), Some(5_000), Bounds::default()).unwrap();
    assert_eq!(
        texts(&spool),
        [(5_000, "one".to_owned()), (5_083, "two".to_owned())]
    );
}

#[test]
fn old_segments_go_when_they_are_dealt_with_or_too_many() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(directory.path(), None, Bounds::default()).unwrap();
    let count = || fs::read_dir(directory.path()).unwrap().count();
    let long = record(0, &"x".repeat(1 << 20));
    let batch = vec![long; 17];
    for _ in 0..Bounds::default().segments + 2 {
        spool.append(&batch, false).unwrap();
    }
    assert_eq!(count(), Bounds::default().segments);
    assert!(spool.read().begin() > 0);
    spool.forget(spool.end() - 1).unwrap();
    assert_eq!(count(), 1);
    assert_eq!(texts(&spool).len(), 17);
}

proptest::proptest! {
    #[test]
    fn any_bytes_open_and_take_more(bytes: Vec<u8>) {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("00000000000000000000.lines"), &bytes).unwrap();
        let mut spool = Spool::open(directory.path(), None, Bounds::default()).unwrap();
        spool.append(&[record(3, "line")], true).unwrap();
        proptest::prop_assert_eq!(texts(&spool).pop().unwrap().1, "line");
    }
}

#[test]
fn reading_begins_at_any_record_and_what_is_too_much_goes() {
    let directory = tempfile::tempdir().unwrap();
    let bounds = Bounds {
        segment_bytes: 50,
        segments: 2,
    };
    let mut spool = Spool::open(directory.path(), None, bounds).unwrap();
    let mut offsets = Vec::new();
    for number in 1..=4 {
        offsets.extend(spool.append(&[record(number, "12345678")], true).unwrap());
    }
    let numbers = |from: u64| {
        let mut reading = spool.read_from(from);
        std::iter::from_fn(|| reading.next_record())
            .map(|(offset, record)| (offset, record.number))
            .collect::<Vec<_>>()
    };
    let all: Vec<_> = offsets.iter().copied().zip(1..).collect();
    for (place, offset) in offsets.iter().enumerate() {
        assert_eq!(numbers(*offset), all[place..]);
    }
    assert_eq!(numbers(spool.end()), []);
    // The fifth begins a third segment, so the first goes with its two.
    offsets.extend(spool.append(&[record(5, "12345678")], true).unwrap());
    let mut reading = spool.read_from(offsets[1]);
    assert_eq!(reading.begin(), offsets[2]);
    assert_eq!(reading.next_record().unwrap().1.number, 3);
}
