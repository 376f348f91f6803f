use super::*;

fn org(number: u8) -> OrgId {
    OrgId([number; 16])
}

fn member(number: u8) -> Member {
    Member {
        org: org(number),
        name: format!("org {number}").into(),
        labels: Labels::default(),
        history: 0,
        seed: false,
    }
}

fn edge(from: u8, to: u8) -> Edge {
    Edge {
        from: org(from),
        to: org(to),
        expires: Timestamp::from_secs(100),
    }
}

fn check(anchors: &[u8], vouches: &[Edge], expected: &[(u8, Option<u8>, u8)]) {
    let members: Vec<Member> = (1..=20).map(member).collect();
    let anchors: Vec<OrgId> = anchors.iter().copied().map(org).collect();
    let graph = TrustGraph::build(&anchors, &members, vouches, Timestamp::ZERO);
    for (number, group, depth) in expected {
        let place = graph.place(org(*number)).unwrap();
        assert_eq!(
            (place.group, place.depth),
            (group.map(org), *depth),
            "organisation {number}"
        );
    }
}

#[test]
fn children_of_anchors_are_groups_and_what_hangs_below_joins_them() {
    let vouches = [edge(1, 2), edge(2, 3), edge(3, 4), edge(1, 5)];
    check(
        &[1],
        &vouches,
        &[
            (1, Some(1), 0),
            (2, Some(2), 1),
            (3, Some(2), 2),
            (4, Some(2), 3),
            (5, Some(5), 1),
            (6, None, 0),
        ],
    );
}

#[test]
fn the_shortest_way_counts_and_ties_go_to_the_smaller_key() {
    let vouches = [
        edge(1, 9),
        edge(1, 3),
        edge(9, 7),
        edge(3, 7),
        edge(7, 8),
        edge(1, 8),
    ];
    check(&[1], &vouches, &[(7, Some(3), 2), (8, Some(8), 1)]);
}

#[test]
fn trust_ends_after_four_vouches() {
    let vouches = [edge(1, 2), edge(2, 3), edge(3, 4), edge(4, 5), edge(5, 6)];
    check(&[1], &vouches, &[(5, Some(2), 4), (6, None, 0)]);
}

#[test]
fn cycles_self_vouches_and_vouches_for_an_anchor_change_nothing() {
    let vouches = [
        edge(2, 2),
        edge(1, 2),
        edge(2, 1),
        edge(2, 3),
        edge(3, 2),
        edge(5, 6),
        edge(6, 5),
    ];
    check(
        &[1, 4],
        &vouches,
        &[
            (1, Some(1), 0),
            (2, Some(2), 1),
            (3, Some(2), 2),
            (4, Some(4), 0),
            (5, None, 0),
        ],
    );
}

#[test]
fn without_anchors_nobody_has_a_group() {
    check(&[], &[edge(1, 2)], &[(1, None, 0), (2, None, 0)]);
}

#[test]
fn an_expired_vouch_counts_for_nothing() {
    let expired = Edge {
        expires: Timestamp::ZERO,
        ..edge(1, 2)
    };
    check(&[1], &[expired], &[(2, None, 0)]);
}
