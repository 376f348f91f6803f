use super::*;

fn log(parts: &[(&str, usize)]) -> String {
    let mut text = String::from("Dec 10 06:55:46 h CRON[1]: (root) CMD (x)\nno date here\n");
    for (session, (address, failures)) in parts.iter().enumerate() {
        for _ in 0..*failures {
            text += &format!(
                "Dec 10 06:55:46 h sshd[{session}]: Failed password for root from {address} port 1 ssh2\n"
            );
            text += &format!("Dec 10 06:55:46 h sshd[{session}]: Connection closed [preauth]\n");
        }
    }
    text
}

fn check(parts: &[(&str, usize)], more: &str, expected: Option<(&str, usize)>) {
    let attack = Attack::in_text(&(log(parts) + more), "test");
    let found = attack
        .as_ref()
        .map(|attack| (attack.address.to_string(), attack.failures));
    assert_eq!(
        found
            .as_ref()
            .map(|(address, failures)| (address.as_str(), *failures)),
        expected
    );
    let Some(attack) = attack else { return };
    assert!(attack.lines.len() <= REPLAYED);
    assert!(
        attack
            .lines
            .iter()
            .all(|line| line.addresses().all(|named| named == attack.address))
    );
    assert!(
        attack
            .lines
            .iter()
            .any(|line| line.message().starts_with("Connection closed"))
    );
}

#[test]
fn the_address_that_failed_most_is_chosen() {
    check(
        &[("192.88.99.1", 20), ("192.88.99.2", 60), ("10.0.0.1", 99)],
        "",
        Some(("192.88.99.2", 60)),
    );
    check(
        &[("192.88.99.9", 20), ("192.88.99.1", 20)],
        "",
        Some(("192.88.99.1", 20)),
    );
}

#[test]
fn too_few_failures_are_no_attack() {
    check(&[("192.88.99.1", 19)], "", None);
    check(&[], "", None);
}

#[test]
fn whoever_got_in_is_no_attacker() {
    let accepted = "Dec 10 06:55:46 h sshd[9]: Accepted password for root from 192.88.99.2 port 1 ssh2\n";
    check(
        &[("192.88.99.1", 30), ("192.88.99.2", 60)],
        accepted,
        Some(("192.88.99.1", 30)),
    );
}

#[test]
fn lines_of_others_in_a_session_with_the_same_number_are_not_his() {
    let other = "Dec 11 06:55:46 h sshd[0]: Failed password for root from 192.88.99.3 port 1 ssh2\n";
    check(&[("192.88.99.1", 30)], other, Some(("192.88.99.1", 30)));
}

#[test]
fn our_own_log_holds_an_attack() {
    let attack = Attack::in_text(OWN, "own").unwrap();
    assert_eq!(attack.address.octets()[..3], [192, 88, 99]);
}
