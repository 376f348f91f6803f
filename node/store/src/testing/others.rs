//! Promises about statements, bouncers, the allowlist, memory, notes, counts and concurrent readers.

use vigie_wire::Timestamp;

use super::sample::{alert, at, bouncer, decision, envelope, ip, place, publisher, row};
use super::{AnyStore, sample};
use crate::{
    Allowed, Bouncer, Client, Counts, DecisionFilter, Holder, KeyHash, Lease, MOST_CURSORS, Owner,
    Remembered, StoreError, Tier,
};

pub(super) async fn statements(store: AnyStore) {
    for (id, bytes) in [(3, b"c"), (1, b"a"), (2, b"b")] {
        assert!(store.keep_statement([id; 32], bytes, at(0)).await.unwrap());
    }
    assert!(!store.keep_statement([1; 32], b"a", at(9)).await.unwrap());
    assert_eq!(store.statements().await.unwrap(), [b"c", b"a", b"b"]);
}

pub(super) async fn bouncers(store: AnyStore) {
    let (one, two) = (bouncer("nft"), bouncer("b"));
    let nft = Client::Bouncer("nft");
    assert!(store.add_bouncer(&one).await.unwrap());
    assert!(store.add_bouncer(&two).await.unwrap());
    let mut taken = bouncer("nft");
    taken.key_hash = [9; 32];
    assert!(!store.add_bouncer(&taken).await.unwrap());
    assert_eq!(store.bouncers().await.unwrap(), [two.clone(), one.clone()]);
    assert_eq!(
        store.bouncer_by_key(&one.key_hash).await.unwrap(),
        Some(one.clone())
    );
    assert_eq!(store.bouncer_by_key(&[9; 32]).await.unwrap(), None);
    assert_eq!(store.bouncer("nft").await.unwrap(), Some(one.clone()));
    assert_eq!(store.bouncer("nobody").await.unwrap(), None);
    successor(&store, &one).await;
    store
        .touch_client(nft, "vigie-nft/0.1", "192.0.2.1", at(5))
        .await
        .unwrap();
    store
        .touch_client(Client::Bouncer("nobody"), "", "", at(5))
        .await
        .unwrap();
    let seen = store.bouncer_by_key(&one.key_hash).await.unwrap().unwrap();
    assert_eq!(
        (seen.last_seen, seen.agent.as_str()),
        (Some(at(5)), "vigie-nft/0.1")
    );
    store.set_cursor("nft", "192.0.2.1", at(6)).await.unwrap();
    assert!(store.delete_client(nft).await.unwrap());
    assert!(!store.delete_client(nft).await.unwrap());
    store.set_cursor("nft", "192.0.2.1", at(6)).await.unwrap();
    assert!(store.add_bouncer(&one).await.unwrap());
    assert_eq!(
        store.cursor("nft", "192.0.2.1").await.unwrap(),
        None,
        "its cursors went with it"
    );
}

/// Of a bouncer that is there: another key, with the one before, and then back to the first.
async fn successor(store: &AnyStore, one: &Bouncer) {
    let name = one.name.as_str();
    assert!(!store.replace_key("nobody", &[8; 32], None, at(9)).await.unwrap());
    assert!(
        store
            .replace_key(name, &[8; 32], Some(at(20)), at(9))
            .await
            .unwrap()
    );
    let both = store.bouncer_by_key(&[8; 32]).await.unwrap().unwrap();
    assert_eq!(
        store.bouncer_by_key(&one.key_hash).await.unwrap(),
        Some(both.clone())
    );
    assert_eq!(
        (both.expires, both.former),
        (Some(at(20)), Some((one.key_hash, at(9))))
    );
    let good = |key: &KeyHash, now| both.has_key(key, at(now));
    assert!(good(&one.key_hash, 8) && !good(&one.key_hash, 9));
    assert!(good(&[8; 32], 19) && !good(&[8; 32], 20));
    // A key that ends before the overlap does is not prolonged by it, and only the last one stays.
    assert!(store.replace_key(name, &[7; 32], None, at(99)).await.unwrap());
    let next = store.bouncer(name).await.unwrap().unwrap();
    assert_eq!((next.expires, next.former), (None, Some(([8; 32], at(20)))));
    assert_eq!(store.bouncer_by_key(&one.key_hash).await.unwrap(), None);
    assert!(store.replace_key(name, &one.key_hash, None, at(1)).await.unwrap());
}

pub(super) async fn cursors(store: AnyStore) {
    store.add_bouncer(&bouncer("a")).await.unwrap();
    store.add_bouncer(&bouncer("b")).await.unwrap();
    assert_eq!(store.cursor("a", "").await.unwrap(), None);
    store.set_cursor("a", "", at(5)).await.unwrap();
    store.set_cursor("a", "", at(4)).await.unwrap();
    store.set_cursor("b", "", at(7)).await.unwrap();
    assert_eq!(store.cursor("a", "").await.unwrap(), Some(at(4)));
    assert_eq!(store.cursor("b", "").await.unwrap(), Some(at(7)));
    for number in 1..=MOST_CURSORS {
        store
            .set_cursor("a", &number.to_string(), at(100 + i64::from(number)))
            .await
            .unwrap();
    }
    assert_eq!(
        store.cursor("a", "").await.unwrap(),
        None,
        "the one set longest ago"
    );
    assert_eq!(store.cursor("a", "1").await.unwrap(), Some(at(101)));
    // The clock went back: the one just set stays all the same.
    store.set_cursor("a", "late", at(0)).await.unwrap();
    assert_eq!(store.cursor("a", "late").await.unwrap(), Some(at(0)));
    assert_eq!(store.cursor("a", "1").await.unwrap(), None);
}

pub(super) async fn allowlist(store: AnyStore) {
    let entry = |net: &str, reason: &str| Allowed {
        net: net.parse().unwrap(),
        reason: reason.into(),
        author: "me".into(),
        created_at: at(0),
        expires: (reason == "second").then_some(at(9)),
    };
    for (net, reason) in [
        ("2001:db8::/32", "six"),
        ("10.1.2.3/8", "first"),
        ("9.9.9.9/32", "nine"),
    ] {
        store.allow(&entry(net, reason)).await.unwrap();
    }
    store.allow(&entry("10.0.0.0/8", "second")).await.unwrap();
    let expected = [
        entry("9.9.9.9/32", "nine"),
        entry("10.0.0.0/8", "second"),
        entry("2001:db8::/32", "six"),
    ];
    assert_eq!(store.allowed().await.unwrap(), expected);
    assert!(store.disallow("10.9.9.9/8".parse().unwrap()).await.unwrap());
    assert!(!store.disallow("10.0.0.0/8".parse().unwrap()).await.unwrap());
}

pub(super) async fn memory(store: AnyStore) {
    let record = |ip: &str, tier, secs| Remembered {
        ip: ip.parse().unwrap(),
        tier,
        at: at(secs),
    };
    store
        .remember(&record("192.0.2.1", Tier::LongLived, 50))
        .await
        .unwrap();
    store
        .remember(&record("::ffff:192.0.2.1", Tier::Authenticated, 40))
        .await
        .unwrap();
    store
        .remember(&record("192.0.2.1", Tier::LongLived, 45))
        .await
        .unwrap();
    store
        .remember(&record("2001:db8::1", Tier::LongLived, 60))
        .await
        .unwrap();
    let mut all = store.remembered(at(50)).await.unwrap();
    all.sort_by_key(|one| one.ip);
    let expected = [
        record("192.0.2.1", Tier::Authenticated, 50),
        record("2001:db8::1", Tier::LongLived, 60),
    ];
    assert_eq!(all, expected);
    assert_eq!(store.remembered(at(51)).await.unwrap(), expected[1..]);
}

pub(super) async fn notes(store: AnyStore) {
    let names = ["a", "a/", "a/\u{10FFFF}", "a/x_y", "a/xzy", "a0", "A/x", "é"];
    for name in names {
        store.put_note(Owner::Everybody, name, "old").await.unwrap();
        store.put_note(Owner::Everybody, name, name).await.unwrap();
    }
    assert_eq!(
        store.note(Owner::Everybody, "a/x_y").await.unwrap().as_deref(),
        Some("a/x_y")
    );
    assert_eq!(store.note(Owner::Everybody, "b").await.unwrap(), None);
    let check = async |prefix: &str| {
        let mut expected: Vec<_> = names.iter().filter(|name| name.starts_with(prefix)).collect();
        expected.sort();
        let found = store.notes(Owner::Everybody, prefix).await.unwrap();
        assert!(found.iter().all(|(name, value)| name == value));
        assert!(
            found.iter().map(|(name, _)| name).eq(expected),
            "{prefix:?}: {found:?}"
        );
    };
    for prefix in ["", "a", "a/", "a/x_", "a/\u{10FFFF}", "é", "z", "%"] {
        check(prefix).await;
    }
    assert!(store.delete_note(Owner::Everybody, "a").await.unwrap());
    assert!(!store.delete_note(Owner::Everybody, "a").await.unwrap());
}

pub(super) async fn owned_notes(store: AnyStore) {
    let (all, one, two) = (Owner::Everybody, Owner::Process("one"), Owner::Process("two"));
    for (owner, value) in [(all, "all"), (one, "1"), (two, "2")] {
        store.put_note(owner, "position/x", value).await.unwrap();
    }
    store.put_note(all, "position/y", "all").await.unwrap();
    store.put_note(all, "setting/z", "all").await.unwrap();
    let notes = async |owner| {
        let found = store.notes(owner, "position/").await.unwrap();
        found
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(notes(one).await, ["position/x=1"]);
    assert!(store.delete_note(two, "position/x").await.unwrap());
    assert_eq!(store.note(two, "position/x").await.unwrap(), None);
    assert_eq!(
        store.note(all, "position/x").await.unwrap().as_deref(),
        Some("all")
    );
    for _ in 0..2 {
        store.adopt_notes("one", "position/").await.unwrap();
    }
    assert_eq!(
        notes(one).await,
        ["position/x=1", "position/y=all"],
        "its own stays"
    );
    assert!(notes(all).await.is_empty());
    assert!(notes(two).await.is_empty());
    assert_eq!(
        store.note(all, "setting/z").await.unwrap().as_deref(),
        Some("all")
    );
}

pub(super) async fn leases(store: AnyStore) {
    let take = async |holder, now, until| {
        let taken = store
            .take_lease(publisher(1), sample::holder(holder), at(now), at(until))
            .await;
        taken.unwrap().map(|lease| lease.token)
    };
    assert_eq!(take("one", 0, 10).await, Some(1));
    assert_eq!(take("two", 9, 20).await, None, "it is held");
    assert_eq!(take("one", 9, 20).await, Some(1), "its holder goes on");
    assert_eq!(take("two", 20, 30).await, Some(2), "its time is over");
    assert_eq!(take("one", 29, 40).await, None);
    let held = Lease {
        publisher: publisher(1),
        token: 2,
        until: at(30),
    };
    let old = Lease { token: 1, ..held };
    assert!(!store.give_lease_back(&old, at(21)).await.unwrap());
    assert!(store.give_lease_back(&held, at(21)).await.unwrap());
    assert_eq!(take("three", 21, 30).await, Some(3), "given back");
    // A restart need not wait, and is told apart from the life before.
    let restarted = Holder {
        instance: "three",
        life: u64::MAX,
    };
    let taken = store
        .take_lease(publisher(1), restarted, at(22), at(30))
        .await
        .unwrap();
    assert_eq!(taken.map(|lease| lease.token), Some(4));
    assert_eq!(take("two", 29, 40).await, None);
    let other = store
        .take_lease(publisher(2), sample::holder("one"), at(0), at(10))
        .await
        .unwrap();
    assert_eq!(other.map(|lease| lease.token), Some(1), "chains are apart");
}

pub(super) async fn fenced(store: AnyStore) {
    let stale = store
        .take_lease(publisher(1), sample::holder("paused"), at(0), at(10))
        .await
        .unwrap()
        .unwrap();
    let id = store.insert_alert(&alert(1), &[]).await.unwrap().unwrap().0;
    let first = envelope(place(1, 0), &[ip(1)], 1);
    store.append_own(&stale, &first, &[]).await.unwrap();
    let late = envelope(place(1, 1), &[ip(2)], 1);
    // Its time is over, but nobody took it: it may go on.
    store.append_own(&stale, &late, &[]).await.unwrap();
    let fresh = store
        .take_lease(publisher(1), sample::holder("awake"), at(10), at(20))
        .await
        .unwrap()
        .unwrap();
    let late = envelope(place(1, 2), &[ip(2)], 1);
    let refused = store.append_own(&stale, &late, &[(id, row(&late.held, 0))]).await;
    assert!(
        matches!(refused, Err(StoreError::Fenced { publisher: fenced }) if fenced == publisher(1)),
        "{refused:?}"
    );
    assert_eq!(store.held().await.unwrap().len(), 2);
    assert_eq!(store.pending_shares(0, 0).await.unwrap().len(), 1, "nothing left");
    store
        .append_own(&fresh, &late, &[(id, row(&late.held, 0))])
        .await
        .unwrap();
}

pub(super) async fn counts(store: AnyStore) {
    assert_eq!(store.counts(at(0)).await.unwrap(), Counts::default());
    store
        .insert_alert(&alert(1), &[decision("a", 10), decision("b", 20)])
        .await
        .unwrap();
    for (number, seq) in [(1, 0), (1, 1), (2, 0)] {
        store
            .keep_envelope(&envelope(place(number, seq), &[ip(1), ip(2)], 1))
            .await
            .unwrap();
    }
    store.add_bouncer(&bouncer("a")).await.unwrap();
    let expected = Counts {
        alerts: 1,
        active_decisions: 1,
        sightings: 6,
        envelopes: 3,
        publishers: 2,
        bouncers: 1,
        pending_shares: 1,
    };
    assert_eq!(store.counts(at(10)).await.unwrap(), expected);
}

pub(super) async fn concurrent(store: AnyStore) {
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..4_u64 {
        let store = store.clone();
        tasks.spawn(async move {
            for number in 0..25 {
                let decisions: Vec<_> = (0..4).map(|_| decision(&number.to_string(), 1)).collect();
                store
                    .insert_alert(&alert(writer * 100 + number), &decisions)
                    .await
                    .unwrap()
                    .unwrap();
            }
        });
    }
    for _ in 0..4 {
        let store = store.clone();
        tasks.spawn(async move {
            loop {
                let rows = store.decisions(&DecisionFilter::default()).await.unwrap();
                assert_eq!(rows.len() % 4, 0, "an alert's decisions appear together");
                if rows.len() == 400 {
                    return;
                }
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    assert_eq!(store.counts(Timestamp::ZERO).await.unwrap().alerts, 100);
}
