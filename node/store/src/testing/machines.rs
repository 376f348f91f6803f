//! Promises about machines.

use super::AnyStore;
use super::sample::at;
use crate::Machine;

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
        .touch_machine("web", "crowdsec/v1", "192.0.2.1", at(5))
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
    assert!(store.delete_machine("web").await.unwrap());
    assert!(!store.delete_machine("web").await.unwrap());
}
