//! What must not harm: spoiled tables, reloads, and many requests while the table changes under them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::scene::{Scene, wait_until};
use crate::server::{Ask, Nginx};

#[test]
fn a_spoiled_table_changes_nothing_and_is_told_once() {
    let scene = Scene::new();
    scene.put(&[("192.0.2.1", 3_600)]);
    let Some(nginx) = Nginx::start("a_spoiled_table_changes_nothing_and_is_told_once", &scene) else {
        return;
    };
    assert_eq!(nginx.status("192.0.2.1"), 403);
    // In its place, and the file itself cut off and filled with something else.
    let spoiled = "is not a table of Vigie's; the table from before stays";
    scene.replace(&[b'x'; 100]);
    wait_until("the first complaint", || {
        assert_eq!(nginx.status("192.0.2.1"), 403);
        nginx.errors().contains(spoiled)
    });
    std::fs::write(scene.table(), "").unwrap();
    wait_until("the second complaint", || {
        assert_eq!((nginx.status("192.0.2.1"), nginx.status("192.0.2.2")), (403, 200));
        nginx.errors().contains("it has 0 bytes")
    });
    std::fs::remove_file(scene.table()).unwrap();
    wait_until("the third complaint", || {
        assert_eq!(nginx.status("192.0.2.1"), 403);
        nginx.errors().contains("No such file")
    });
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(3) {
        assert_eq!(nginx.status("192.0.2.1"), 403);
    }
    assert_eq!(
        nginx.errors().matches("the table from before stays").count(),
        3,
        "{}",
        nginx.errors()
    );
    scene.put(&[("192.0.2.2", 3_600)]);
    wait_until("a good table", || nginx.status("192.0.2.1") == 200);
    assert_eq!(nginx.status("192.0.2.2"), 403);
    assert!(
        nginx.errors().contains("in use, with 1 rows"),
        "{}",
        nginx.errors()
    );
}

#[test]
fn a_reload_keeps_every_ban() {
    let scene = Scene::new();
    scene.put(&[("192.0.2.1", 3_600)]);
    let Some(nginx) = Nginx::start("a_reload_keeps_every_ban", &scene) else {
        return;
    };
    for _ in 0..3 {
        assert_eq!(nginx.status("192.0.2.1"), 403);
        nginx.reload();
    }
    assert_eq!((nginx.status("192.0.2.1"), nginx.status("192.0.2.2")), (403, 200));
    scene.put(&[("192.0.2.2", 3_600)]);
    wait_until("the next table", || nginx.status("192.0.2.2") == 403);
    assert_eq!(nginx.status("192.0.2.1"), 200);
}

#[test]
fn a_reload_may_name_another_table() {
    let scene = Scene::new();
    scene.put(&[("192.0.2.2", 3_600)]);
    std::fs::rename(scene.table(), scene.path("other")).unwrap();
    scene.put(&[("192.0.2.1", 3_600)]);
    let Some(nginx) = Nginx::start("a_reload_may_name_another_table", &scene) else {
        return;
    };
    assert_eq!((nginx.status("192.0.2.1"), nginx.status("192.0.2.2")), (403, 200));
    let (file, table) = (
        scene.path("nginx/nginx.conf"),
        scene.table().display().to_string(),
    );
    let config = std::fs::read_to_string(&file).unwrap();
    let other = scene.path("other").display().to_string();
    std::fs::write(&file, config.replace(&table, &other)).unwrap();
    nginx.reload();
    assert_eq!((nginx.status("192.0.2.1"), nginx.status("192.0.2.2")), (200, 403));
    // The other one is watched from now on, and nobody looks at the first.
    scene.put(&[("192.0.2.3", 3_600)]);
    std::fs::rename(scene.table(), scene.path("other")).unwrap();
    wait_until("the next table", || nginx.status("192.0.2.3") == 403);
    assert_eq!(nginx.status("192.0.2.2"), 200);
    assert!(!nginx.errors().contains(&table), "{}", nginx.errors());
}

#[test]
fn a_worker_survives_a_storm() {
    const BANNED: &str = "192.0.2.1";
    let scene = Scene::new();
    let many: Vec<String> = (0..20_000_u32)
        .map(|n| std::net::Ipv4Addr::from_bits(0x0a00_0000 + n * 7).to_string())
        .collect();
    let table = |more: usize| {
        let some = many.iter().take(more).map(|address| (address.as_str(), 3_600));
        scene.put(&some.chain([(BANNED, 3_600)]).collect::<Vec<_>>());
    };
    table(0);
    let Some(nginx) = Nginx::start("a_worker_survives_a_storm", &scene) else {
        return;
    };
    let workers = nginx.workers();
    assert_eq!(workers.len(), 1);
    let over = AtomicBool::new(false);
    let answered: Vec<u32> = std::thread::scope(|scope| {
        let clients: Vec<_> = (1..=4_u32)
            .map(|seed| {
                let (nginx, over) = (&nginx, &over);
                scope.spawn(move || {
                    let mut line = nginx.connect();
                    let mut count = 0_u32;
                    while !over.load(Ordering::Relaxed) {
                        count += 1;
                        // Scattered over all addresses, but for every fourth.
                        let client = if count.is_multiple_of(4) {
                            BANNED.to_owned()
                        } else {
                            let number = (count ^ seed).wrapping_mul(2_654_435_761) | 0x0b00_0000;
                            std::net::Ipv4Addr::from_bits(number | 0x1000_0000).to_string()
                        };
                        let status = Ask::from(&client).over(&mut line).unwrap().status;
                        assert_eq!(status == 403, client == BANNED, "{client}: {status}");
                    }
                    count
                })
            })
            .collect();
        let begin = Instant::now();
        for round in 0_usize.. {
            if begin.elapsed() > Duration::from_secs(4) {
                break;
            }
            match round % 4 {
                0 => table(20_000),
                1 => scene.replace(&vec![0xff; 100_000]),
                2 => table(10),
                // Cut off under its reader.
                _ => std::fs::write(scene.table(), "VIGIENGX").unwrap(),
            }
            std::thread::park_timeout(Duration::from_millis(300));
        }
        over.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    assert!(answered.iter().sum::<u32>() > 1_000, "{answered:?}");
    assert_eq!(nginx.workers(), workers, "{}", nginx.errors());
    for sign in ["signal", "panicked", "[alert]", "[emerg]"] {
        assert!(!nginx.errors().contains(sign), "{sign}: {}", nginx.errors());
    }
}
