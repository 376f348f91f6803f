use super::*;

const SMALL: Bounds = Bounds {
    segment_bytes: 2_000,
    segments: 8,
};

fn open(root: &Path) -> (Outbox, Arc<Counts>) {
    let counts = Arc::new(Counts::default());
    let outbox = Outbox::bounded(root, Arc::clone(&counts), SMALL);
    (outbox.unwrap(), counts)
}

fn alert(number: u32, bytes: usize) -> (DetectionId, String) {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&number.to_le_bytes());
    (
        DetectionId(id),
        format!("{{\"n\":{number},\"x\":\"{}\"}}", "x".repeat(bytes)),
    )
}

fn numbers(batch: &Batch) -> Vec<u64> {
    let alerts: serde_json::Value = serde_json::from_str(&batch.body()).unwrap();
    let alerts = alerts.as_array().unwrap().iter();
    alerts.map(|alert| alert["n"].as_u64().unwrap()).collect()
}

#[test]
fn what_was_not_taken_is_there_after_a_restart_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let (outbox, _) = open(root.path());
    outbox.put((1..=5).map(|number| alert(number, 10)).collect());
    let batch = outbox.batch(2);
    assert_eq!((numbers(&batch), outbox.waiting()), (vec![1, 2], 5));
    // Not settled: handed out again, also by the next process.
    drop(outbox);
    let (outbox, counts) = open(root.path());
    let batch = outbox.batch(2);
    assert_eq!(numbers(&batch), [1, 2]);
    outbox.settle(&batch);
    drop(outbox);
    let (outbox, _) = open(root.path());
    assert_eq!((numbers(&outbox.batch(9)), outbox.waiting()), (vec![3, 4, 5], 3));
    // Lines were read again: what they find is known, whether or not it was taken.
    outbox.put(vec![alert(2, 10), alert(4, 10), alert(6, 10)]);
    let batch = outbox.batch(9);
    assert_eq!(numbers(&batch), [3, 4, 5, 6]);
    outbox.settle(&batch);
    assert!(outbox.batch(9).is_empty() && outbox.waiting() == 0);
    assert_eq!(counts.dropped.get(), 0);
}

#[test]
fn a_full_outbox_loses_its_oldest_and_says_how_many() {
    let root = tempfile::tempdir().unwrap();
    let (outbox, counts) = open(root.path());
    // Each fills a segment, so the bound is one of alerts.
    for number in 1..=11 {
        outbox.put(vec![alert(number, 2_000)]);
    }
    let batch = outbox.batch(2);
    assert_eq!(numbers(&batch), [4, 5]);
    assert_eq!((counts.dropped.get(), outbox.waiting()), (3, 8));
    outbox.settle(&batch);
    assert_eq!(numbers(&outbox.batch(1)), [6]);
    assert_eq!(counts.dropped.get(), 3);
}

#[test]
fn a_batch_is_bounded_and_its_first_always_fits() {
    let root = tempfile::tempdir().unwrap();
    let (outbox, _) = open(root.path());
    outbox.put((1..=3).map(|number| alert(number, BATCH_BYTES / 2)).collect());
    assert_eq!(numbers(&outbox.batch(9)), [1]);
    outbox.settle(&outbox.batch(9));
    outbox.settle(&outbox.batch(9));
    assert_eq!(numbers(&outbox.batch(9)), [3]);
}

#[test]
fn what_was_taken_leaves_the_disk() {
    let root = tempfile::tempdir().unwrap();
    let (outbox, _) = open(root.path());
    for number in 1..=20 {
        outbox.put(vec![alert(number, 600)]);
    }
    let used = || {
        let files = std::fs::read_dir(root.path().join("alerts")).unwrap();
        files
            .map(|file| file.unwrap().metadata().unwrap().len())
            .sum::<u64>()
    };
    assert!(used() > 12_000);
    for _ in 1..=20 {
        let batch = outbox.batch(1);
        outbox.settle(&batch);
    }
    assert!(used() < 3_000, "{}", used());
    // And is known all the same.
    drop(outbox);
    let (outbox, _) = open(root.path());
    outbox.put((1..=21).map(|number| alert(number, 600)).collect());
    assert_eq!(numbers(&outbox.batch(9)), [21]);
}

#[test]
fn a_disk_that_takes_nothing_keeps_nobody_from_being_told() {
    let root = tempfile::tempdir().unwrap();
    let (outbox, counts) = open(root.path());
    let folder = root.path().join("alerts");
    std::fs::remove_dir_all(&folder).unwrap();
    outbox.put(vec![alert(1, 1), alert(2, 1)]);
    assert!(!outbox.is_on_disk());
    let batch = outbox.batch(1);
    assert_eq!(numbers(&batch), [1]);
    // The disk is back while the first is on its way.
    std::fs::create_dir(&folder).unwrap();
    outbox.put(vec![alert(3, 1)]);
    assert!(outbox.is_on_disk());
    outbox.settle(&batch);
    let rest = outbox.batch(9);
    assert_eq!(numbers(&rest), [2, 3]);
    outbox.settle(&rest);
    assert_eq!((outbox.waiting(), counts.dropped.get()), (0, 0));
}

#[test]
fn the_last_is_handed_out_alone_and_settles_those_before_it() {
    let root = tempfile::tempdir().unwrap();
    let (outbox, _) = open(root.path());
    outbox.put((1..=3).map(|number| alert(number, 1)).collect());
    let second = outbox.batch(2).last();
    assert_eq!(numbers(&second), [2]);
    outbox.settle(&second);
    assert_eq!(numbers(&outbox.batch(9)), [3]);
}

#[test]
fn figures_are_there_while_the_disk_is_written_to() {
    let root = tempfile::tempdir().unwrap();
    let (outbox, _) = open(root.path());
    outbox.put((1..=3).map(|number| alert(number, 1)).collect());
    // Whoever writes holds the lock, as long as the disk likes.
    outbox.with(|_| {
        assert_eq!(outbox.waiting(), 3);
        assert!(outbox.has_room() && outbox.is_on_disk());
    });
}
