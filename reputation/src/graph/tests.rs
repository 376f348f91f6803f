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

#[test]
fn who_vouches_for_himself_through_others_gains_neither_group_nor_depth() {
    // 2 makes 10 to 19, who vouch for each other, for 2, and for 3, whom 2 vouches for as well; 20 gets in by 15 alone.
    let mut vouches = vec![edge(1, 2), edge(2, 3)];
    for number in 10..20 {
        vouches.extend([
            edge(2, number),
            edge(number, 2),
            edge(number, 3),
            edge(number, 10 + (number + 1) % 10),
        ]);
    }
    vouches.push(edge(15, 20));
    let mut expected = vec![(2, Some(2), 1), (3, Some(2), 2), (20, Some(2), 3)];
    expected.extend((10..20).map(|number| (number, Some(2), 2)));
    check(&[1], &vouches, &expected);
}

#[test]
fn who_is_behind_a_withdrawn_vouch_is_reached_by_the_next_one() {
    let both = [edge(1, 2), edge(1, 3), edge(2, 4), edge(3, 4), edge(4, 5)];
    check(&[1], &both, &[(4, Some(2), 2), (5, Some(2), 3)]);
    check(
        &[1],
        &both[1..],
        &[(2, None, 0), (4, Some(3), 2), (5, Some(3), 3)],
    );
}

/// A name that sorts by its number.
fn numbered(number: u32) -> OrgId {
    let mut bytes = [0; OrgId::WIDTH];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    OrgId(bytes)
}

/// A hundred thousand members behind twenty vouches of one anchor: a clique of rings, each vouching for twenty, which is
/// what a network can hold. Twenty groups whatever they vouch among themselves, and every place is reached once.
#[test]
fn a_hundred_thousand_members_and_two_million_vouches_are_twenty_groups() {
    const MEMBERS: u32 = 100_000;
    const EDGES: u32 = 20;
    let members: Vec<Member> = (0..MEMBERS)
        .map(|number| Member {
            org: numbered(number),
            name: "".into(),
            labels: Labels::default(),
            history: 0,
            seed: false,
        })
        .collect();
    let mut vouches = Vec::new();
    for number in 1..MEMBERS {
        for step in 0..EDGES {
            // Each vouches for others far and near, and every third for an entrance of the tree.
            let to = match step {
                0 if number % 3 == 0 => 1 + number % EDGES,
                _ => 1 + (number.wrapping_mul(2_654_435_761).wrapping_add(step * 7_919)) % (MEMBERS - 1),
            };
            vouches.push(Edge {
                from: numbered(number),
                to: numbered(to),
                expires: Timestamp::from_secs(1),
            });
        }
    }
    vouches.extend((1..=EDGES).map(|to| Edge {
        from: numbered(0),
        to: numbered(to),
        expires: Timestamp::from_secs(1),
    }));
    let graph = TrustGraph::build(&[numbered(0)], &members, &vouches, Timestamp::ZERO);
    assert_eq!(graph.places().count(), members.len());
    // The anchor is a group too.
    assert_eq!(graph.groups(), 1 + 20);
    let reached = graph.places().filter(|(_, place)| place.group.is_some()).count();
    assert!(reached > 60_000, "{reached}");
    for (org, place) in graph.places().filter(|(_, place)| place.parent.is_some()) {
        let parent = graph.place(place.parent.unwrap()).unwrap();
        assert_eq!(place.depth, parent.depth + 1, "{org}");
        assert!(place.group == parent.group || place.depth == 1, "{org}");
    }
}
