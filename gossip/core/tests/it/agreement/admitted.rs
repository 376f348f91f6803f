//! Networks of a few organisations that vouch, withdraw and revoke at random days, and who is what when.

use serde_json::{Map, Value, json};
use vigie_gossip_core::wire::{Genesis, Labels, Statement, Timestamp, Vouch, Withdrawal};
use vigie_gossip_core::{Directory, Standing};

use crate::dice::Dice;
use crate::world::*;

/// Two seeds, two members, and strangers.
const ORGS: [u8; 10] = [1, 2, 101, 102, 10, 11, 12, 13, 14, 15];

/// The beginning of a day, and of the network.
fn day(number: u32) -> Timestamp {
    Timestamp::from_secs(1_795_305_600 / 86_400 * 86_400) + number * DAY
}

fn at(dice: &mut Dice) -> Timestamp {
    // Some say that they vouched before the network began.
    day(dice.below(70) as u32) - dice.one_of(&[0, 0, 0, 40]) * DAY
}

fn statement(dice: &mut Dice, genesis: &Genesis) -> Option<Statement> {
    let network = genesis.network();
    let (from, to) = (dice.one_of(&ORGS), dice.one_of(&ORGS));
    let (issued, serial) = (at(dice), dice.below(2) as u64);
    match dice.below(12) {
        0 => return Some(revoke(network, from, dice.once_in(2).then_some(from), issued)),
        _ if from == to => return None,
        1 | 2 => {
            let terms = Withdrawal {
                network,
                voucher: public(from),
                subject: public(to),
                serial,
                at: issued,
            };
            return terms.sign(&key(from)).ok().map(Into::into);
        }
        _ => {}
    }
    let terms = Vouch {
        network,
        voucher: public(from),
        subject: public(to),
        name: "x".into(),
        labels: Labels::default(),
        issued,
        expires: issued + dice.one_of(&[5, 20, 200]) * DAY,
        serial,
    };
    terms.sign(&key(from)).ok().map(Into::into)
}

/// A network, and the standing of every publisher on every second day.
pub(crate) fn value(dice: &mut Dice, nth: usize) -> Value {
    let genesis = Genesis {
        created: day(0),
        ..genesis(2, 2)
    };
    let mut statements: Vec<Statement> = ORGS
        .iter()
        .map(|org| certify(genesis.network(), *org, day(dice.below(20) as u32)))
        .collect();
    let count = 10 + dice.below(50);
    statements.extend((0..count).filter_map(|_| statement(dice, &genesis)));
    for last in (1..statements.len()).rev() {
        statements.swap(last, dice.below(last + 1));
    }
    let mut directory = Directory::new(genesis.clone());
    for statement in &statements {
        drop(directory.insert(statement.clone()));
    }
    let times: Vec<Timestamp> = (0..50).map(|nth| day(nth * 2)).collect();
    let letter = |org: u8, at: &Timestamp| match directory.standing_in(publisher(org), 1, *at) {
        Standing::Seed => 'S',
        Standing::Member => 'M',
        Standing::Newcomer => 'N',
        Standing::Outsider(_) => '-',
    };
    let says: Map<String, Value> = ORGS
        .iter()
        .map(|org| {
            let letters: String = times.iter().map(|at| letter(*org, at)).collect();
            (publisher(*org).to_string(), letters.into())
        })
        .collect();
    json!({
        "as": "admission", "note": format!("generated {nth}"), "genesis": genesis.render(), "epoch": 1, "times": times,
        "statements": statements.iter().map(|one| hex::encode(one.encode())).collect::<Vec<_>>(), "says": says,
    })
}
