//! When the word of others on eight addresses reaches their network, and when it does not.

use std::net::IpAddr;

use vigie_reputation::{Class, Network, Scorer, ScorerConfig, Spared, Tier};

use crate::world::{NOW, ip, mesh, report};

fn member(last: u8) -> IpAddr {
    IpAddr::from([20, 0, 0, last])
}

/// So many addresses of one /24, each blocked by the first two groups and named by so many; and who was here.
fn scorer(members: u8, groups: u32, visitors: u8, class: Class) -> Scorer {
    let mut scorer = mesh(6).scorer_with(ScorerConfig {
        class: std::sync::Arc::new(move |_| class),
        ..crate::world::at_once()
    });
    for last in 1..=members {
        for reporter in 1..=groups {
            scorer
                .observe(&report(reporter, &ip(&member(last).to_string())), NOW)
                .unwrap();
        }
    }
    for last in 0..visitors {
        scorer.remember(IpAddr::from([21, 0, last, 1]), Tier::Visitor, NOW);
    }
    scorer
}

fn blocked(scorer: &Scorer) -> Vec<IpAddr> {
    let hard = |ip: &IpAddr| {
        scorer
            .rung(&vigie_reputation::wire::Indicator::ip(*ip), NOW)
            .is_hard()
    };
    (0..=255).map(member).filter(hard).collect()
}

fn found(scorer: &Scorer, held: bool) -> Option<Network> {
    let net = "20.0.0.0/24".parse().unwrap();
    let held: &[ipnet::IpNet] = if held { &[net] } else { &[] };
    let found = scorer.networks(&blocked(scorer), held, NOW);
    assert!(
        found.len() <= 1 && found.iter().all(|found| found.net == net),
        "{found:?}"
    );
    found.first().copied()
}

#[test]
fn eight_addresses_and_four_groups_reach_a_network_where_nobody_of_ours_is() {
    let net = "20.0.0.0/24".parse().unwrap();
    let expected = Network {
        net,
        members: 8,
        groups: 4,
        spared: None,
    };
    assert_eq!(found(&scorer(8, 4, 120, Class::Ordinary), false), Some(expected));
    assert_eq!(found(&scorer(7, 4, 120, Class::Ordinary), false), None);
    // It takes more to block a network than to keep it blocked.
    assert!(
        found(&scorer(6, 4, 120, Class::Ordinary), true)
            .unwrap()
            .spared
            .is_none()
    );
    assert_eq!(found(&scorer(5, 4, 120, Class::Ordinary), true), None);
}

#[test]
fn three_groups_however_loud_a_warning_list_and_a_node_that_knows_nobody_spare_it() {
    let spared = |scorer: &Scorer| found(scorer, false).unwrap().spared;
    assert_eq!(
        spared(&scorer(200, 3, 120, Class::Ordinary)),
        Some(Spared::FewGroups)
    );
    assert_eq!(
        spared(&scorer(8, 4, 50, Class::Ordinary)),
        Some(Spared::Forgetful)
    );
    assert_eq!(
        spared(&scorer(8, 5, 120, Class::Hosting)),
        Some(Spared::Listed(Class::Hosting))
    );
    // Two more groups that met one attacker there each do not lend their word to the rest.
    let mut scorer = scorer(8, 3, 120, Class::Ordinary);
    for reporter in [4, 5] {
        scorer.observe(&report(reporter, &ip("20.0.0.1")), NOW).unwrap();
    }
    assert_eq!(spared(&scorer), Some(Spared::FewGroups));
}

#[test]
fn one_of_ours_anywhere_in_it_spares_a_network() {
    for tier in [Tier::Visitor, Tier::Authenticated] {
        let mut scorer = scorer(8, 6, 120, Class::Ordinary);
        assert!(found(&scorer, true).unwrap().spared.is_none());
        scorer.remember(member(200), tier, NOW);
        assert_eq!(
            found(&scorer, true).unwrap().spared,
            Some(Spared::Known),
            "{tier:?}"
        );
    }
}
