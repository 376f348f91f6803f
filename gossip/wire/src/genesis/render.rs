//! From a genesis to its text.

use super::{Founder, GENESIS_MARK, Genesis, date};
use crate::Labels;

pub(super) fn genesis(genesis: &Genesis) -> String {
    let Genesis {
        name,
        created,
        quorum,
        ..
    } = genesis;
    let created = date::render(*created);
    let mut out = format!("{GENESIS_MARK}\nname {name}\ncreated {created}\nquorum {quorum}\n");
    for (word, founders) in [("seed", &genesis.seeds), ("member", &genesis.members)] {
        for founder in founders {
            out.push_str(&line(word, founder));
        }
    }
    out
}

fn line(word: &str, founder: &Founder) -> String {
    let Founder {
        key,
        name,
        labels,
        history,
    } = founder;
    let (operator, country, asn) = words(labels);
    format!("{word} {key} {history} {operator} {country} {asn} {name}\n")
}

/// The labels as words, a hyphen for what is not said.
fn words(labels: &Labels) -> (String, String, String) {
    let or_none = |known: bool, text: String| if known { text } else { "-".into() };
    let country = labels.country.iter().map(|byte| char::from(*byte)).collect();
    (
        or_none(labels.operator != [0; 8], hex::encode(labels.operator)),
        or_none(labels.country != [0; 2], country),
        or_none(labels.asn != 0, labels.asn.to_string()),
    )
}
