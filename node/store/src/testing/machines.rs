//! Promises about machines.

use super::AnyStore;
use super::sample::at;
use crate::{Client, Machine, Report};

fn machine(name: &str) -> Machine {
    Machine {
        name: name.into(),
        password: "$argon2id$".into(),
        secret: [7; 32],
        validated: false,
        publish: false,
        created_at: at(1),
        last_seen: None,
        agent: String::new(),
        address: String::new(),
    }
}

pub(super) async fn come_back(store: AnyStore) {
    let (one, two) = (machine("web"), machine("db"));
    let web = Client::Machine("web");
    assert!(store.add_machine(&one).await.unwrap() && store.add_machine(&two).await.unwrap());
    let taken = Machine {
        password: "another".into(),
        ..machine("web")
    };
    assert!(!store.add_machine(&taken).await.unwrap());
    assert_eq!(store.machines().await.unwrap(), [two.clone(), one.clone()]);
    assert_eq!(store.machine("web").await.unwrap(), Some(one));
    assert_eq!(store.machine("nobody").await.unwrap(), None);

    assert!(store.validate_machine("web").await.unwrap());
    assert!(store.grant_machine("web", true).await.unwrap());
    store
        .touch_client(web, "crowdsec/v1", "192.0.2.1", at(5))
        .await
        .unwrap();
    let seen = store.machine("web").await.unwrap().unwrap();
    assert!(seen.validated && seen.publish);
    assert_eq!(
        (seen.last_seen, seen.agent.as_str()),
        (Some(at(5)), "crowdsec/v1")
    );
    assert_eq!(
        store.machine("db").await.unwrap(),
        Some(two),
        "others stay as they are"
    );

    assert!(!store.validate_machine("nobody").await.unwrap());
    assert!(!store.grant_machine("nobody", true).await.unwrap());
    assert!(store.delete_client(web).await.unwrap());
    assert!(!store.delete_client(web).await.unwrap());
}

pub(super) async fn lapse(store: AnyStore) {
    let waiting = |name: &str, created_at| Machine {
        created_at,
        ..machine(name)
    };
    let accepted = Machine {
        validated: true,
        ..machine("accepted")
    };
    for machine in [waiting("early", at(1)), waiting("late", at(5)), accepted] {
        assert!(store.add_machine(&machine).await.unwrap());
    }
    assert_eq!(store.lapse_machines(at(5)).await.unwrap(), 1);
    let left = store.machines().await.unwrap();
    let names: Vec<_> = left.iter().map(|machine| machine.name.as_str()).collect();
    assert_eq!(names, ["accepted", "late"]);
}

/// A bouncer and a machine of one name have a report each.
pub(super) async fn reports(store: AnyStore) {
    let report = |at, body: &str| Report {
        at,
        body: body.to_owned(),
    };
    let (bouncer, web) = (Client::Bouncer("web"), Client::Machine("web"));
    assert!(!store.keep_report(web, &report(at(1), "{}")).await.unwrap());
    store.add_machine(&machine("web")).await.unwrap();
    store.add_bouncer(&super::sample::bouncer("web")).await.unwrap();
    assert_eq!(store.report(web).await.unwrap(), None);
    assert!(store.keep_report(web, &report(at(1), "{}")).await.unwrap());
    assert!(store.keep_report(web, &report(at(2), "{\"a\":1}")).await.unwrap());
    assert!(store.keep_report(bouncer, &report(at(3), "[]")).await.unwrap());
    assert_eq!(
        store.report(web).await.unwrap(),
        Some(report(at(2), "{\"a\":1}")),
        "the last one"
    );
    assert!(store.delete_client(web).await.unwrap());
    assert_eq!(store.report(web).await.unwrap(), None, "it went with it");
    assert_eq!(store.report(bouncer).await.unwrap(), Some(report(at(3), "[]")));
}
