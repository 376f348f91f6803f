use super::*;
use crate::constants::{MEMBER_ROWS_PER_SLOT, NEWCOMER_ROWS_PER_HOUR};
use crate::wire::{Draft, HeaderHash, NetworkId, Payload, SecretKey, Tlp};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_secs(1_790_000_400) + Duration::from_millis(u64::try_from(millis).unwrap())
}

fn seen(host: u32) -> Sighting {
    let address = std::net::Ipv4Addr::from(0x0101_0000 + host);
    Sighting {
        indicator: Indicator::ip(address.into()),
        behaviour: Behaviour(5),
        rule: RuleHash([0; 8]),
        at: at(0).to_minute(),
        count: Count::of(1),
        confidence: 80,
    }
}

fn rows(batches: &[Batch]) -> usize {
    batches.iter().map(|batch| batch.rows.len()).sum()
}

#[test]
fn in_quiet_times_nothing_waits() {
    let mut window = Window::new(Class::Member);
    assert_eq!(window.next_deadline(), None);
    window.push(seen(1), false, at(0)).unwrap();
    assert_eq!(window.next_deadline(), Some(at(0)));
    assert_eq!(rows(&window.poll(at(0))), 1);
    // The same again after a while: a repeat, and no repeat left before it.
    window.push(seen(1), false, at(20_000)).unwrap();
    assert_eq!(rows(&window.poll(at(20_000))), 1);
    assert!(window.is_empty());
}

#[test]
fn new_ones_wait_for_company_and_repeats_are_counted() {
    let mut window = Window::new(Class::Member);
    window.push(seen(1), false, at(0)).unwrap();
    window.poll(at(0));
    for (host, millis) in [(2, 10), (3, 20)] {
        window.push(seen(host), false, at(millis)).unwrap();
    }
    assert_eq!(window.next_deadline(), Some(at(250)));
    assert!(window.poll(at(249)).is_empty());
    assert_eq!(rows(&window.poll(at(250))), 2);

    window.push(seen(1), false, at(300)).unwrap();
    assert_eq!(rows(&window.poll(at(300))), 1);
    for millis in [310, 320, 330, 340] {
        window.push(seen(1), false, at(millis)).unwrap();
    }
    assert_eq!(window.next_deadline(), Some(at(5_300)));
    let [batch] = &window.poll(at(5_300))[..] else {
        panic!("one batch")
    };
    assert_eq!(batch.rows[0].count, Count::of(4));
}

#[test]
fn in_a_busy_mesh_new_ones_wait_longer_and_repeats_ride_with_them() {
    let mut window = Window::new(Class::Member);
    window.set_distance(Duration::from_secs(4));
    window.push(seen(1), false, at(0)).unwrap();
    assert_eq!(rows(&window.poll(at(0))), 1, "the first waits for nobody");
    window.push(seen(1), false, at(100)).unwrap();
    assert_eq!(rows(&window.poll(at(100))), 1);
    window.push(seen(2), false, at(200)).unwrap();
    window.push(seen(1), false, at(300)).unwrap();
    assert_eq!(window.next_deadline(), Some(at(4_000)));
    assert!(window.poll(at(3_999)).is_empty());
    // The repeat would wait until 5.1 s.
    let [batch] = &window.poll(at(4_000))[..] else {
        panic!("one batch")
    };
    assert_eq!(batch.rows.len(), 2);
    // And one that has just begun to wait stays, to be counted.
    window.push(seen(1), false, at(4_100)).unwrap();
    window.push(seen(3), false, at(4_200)).unwrap();
    window.set_distance(Duration::from_secs(1));
    assert_eq!(rows(&window.poll(at(5_200))), 1);
    assert_eq!(window.len(), 1);
}

#[test]
fn urgent_ones_leave_at_once_until_their_budget_is_spent() {
    let mut window = Window::new(Class::Newcomer);
    for host in 0..8 {
        window.push(seen(host), true, at(0)).unwrap();
    }
    let batches = window.poll(at(0));
    assert_eq!(
        batches
            .iter()
            .map(|batch| (batch.rows.len(), batch.urgent))
            .collect::<Vec<_>>(),
        [(6, true), (2, false)]
    );
    window.push(seen(9), true, at(1)).unwrap();
    assert!(
        window.poll(at(1)).is_empty(),
        "the seventh urgent row of the hour waits like a new one"
    );
}

#[test]
fn under_pressure_rows_wait_for_the_next_slot_and_are_counted_together() {
    let mut window = Window::new(Class::Newcomer);
    let budget = NEWCOMER_ROWS_PER_HOUR;
    for host in 0..budget + 10 {
        window.push(seen(host), false, at(0)).unwrap();
    }
    assert_eq!(rows(&window.poll(at(0))), usize::try_from(budget).unwrap());
    window.push(seen(budget), false, at(1_000)).unwrap();
    let next = window.next_deadline().unwrap();
    assert_eq!(next.as_secs() % 3_600, 0, "the next hour");
    let later = window.poll(next);
    assert_eq!(rows(&later), 10);
    assert_eq!(later[0].rows[0].count, Count::of(2));
}

#[test]
fn full_envelopes_do_not_wait_and_each_can_be_sealed() {
    let mut window = Window::new(Class::Member);
    window.push(seen(100_000), false, at(0)).unwrap();
    window.poll(at(0));
    for host in 0..300 {
        let mut row = seen(host);
        row.rule = RuleHash([u8::try_from(host % 251).unwrap(); 8]);
        row.behaviour = Behaviour(u16::try_from(host + 1).unwrap());
        window.push(row, false, at(1)).unwrap();
    }
    for host in 0..100 {
        let mut row = seen(host);
        row.indicator = Indicator::Domain(format!("{host}.{}.example", "a".repeat(60)).into());
        window.push(row, false, at(1)).unwrap();
    }
    let batches = window.poll(at(1));
    assert_eq!(rows(&batches), 400);
    for batch in batches {
        assert!(batch.rows.len() <= MAX_ROWS);
        let draft = Draft {
            network: NetworkId([7; 16]),
            epoch: 0,
            seq: u64::MAX,
            prev: HeaderHash([0; 32]),
            time_base: at(0),
            tlp: Tlp::Green,
            policy: 0,
            payload: Payload::Sightings(batch.rows),
        };
        draft.seal(&SecretKey::from_seed([1; 32]), [0; 16]).unwrap();
    }
}

#[test]
fn the_window_is_bounded_and_resumes_its_budget() {
    let mut window = Window::new(Class::Member);
    window.resume((0, 0), at(0));
    for host in 0..u32::try_from(WINDOW_ROWS).unwrap() {
        window.push(seen(host), false, at(0)).unwrap();
    }
    assert_eq!(
        window.push(seen(99_999_999), false, at(0)),
        Err(WindowError::Full)
    );
    assert_eq!(window.dropped(), 1);
    assert!(window.poll(at(0)).is_empty());
    let next = window.next_deadline().unwrap();
    assert_eq!(
        rows(&window.poll(next)),
        usize::try_from(MEMBER_ROWS_PER_SLOT).unwrap()
    );
}
