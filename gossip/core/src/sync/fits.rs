//! Whether a response is one that an honest peer gives to that request.
//!
//! A peer is asked for so much and no more; whoever answers with something else, or says "there is more" after next to
//! nothing, makes us work for his few bytes. Deliberately absent: envelopes, which have to be decoded first (`session`).

use super::message::{Request, Response};
use super::plan::prefix;
use crate::chain::Head;
use crate::constants::{ENVELOPES_PER_MESSAGE, HEADS_PER_MESSAGE, SYNC_MESSAGE_BYTES};
use crate::wire::{EquivocationProof, PublisherId, Statement};

/// Whether the response fits the request. Of envelopes only that they were asked for at all.
pub(super) fn fits(asked: &Request, response: &Response) -> bool {
    match (asked, response) {
        (Request::Digest(_), Response::Equal { .. } | Response::Differs(_))
        | (Request::Ranges(_), Response::Envelopes(_)) => true,
        (Request::Statements { from, to, have }, Response::Statements { statements, more }) => {
            let asked_for = |statement: &Statement| {
                let prefix = prefix(&statement.id());
                *from <= prefix && prefix <= *to && have.binary_search(&prefix).is_err()
            };
            statements.iter().all(asked_for) && (!more || is_full(statements))
        }
        (Request::Heads { after }, Response::Heads { heads, forks, more }) => {
            follow(heads, *after)
                && (after.is_none() || forks.is_empty())
                && (!more || heads.len() >= HEADS_PER_MESSAGE / 2)
        }
        (Request::Hashes(range), Response::Hashes(hashes)) => hashes
            .iter()
            .all(|(seq, _)| range.contains(range.publisher, range.epoch, *seq)),
        (Request::Proofs(chains), Response::Proofs(proofs)) => {
            proofs.iter().all(|proof| chains.contains(&accused(proof)))
        }
        _ => false,
    }
}

/// What an answerer who had to leave something out has sent at least: half of what a message may have.
fn is_full(statements: &[Statement]) -> bool {
    let bytes = || statements.iter().map(|one| one.encode().len()).sum::<usize>();
    statements.len() >= ENVELOPES_PER_MESSAGE / 2 || bytes() >= SYNC_MESSAGE_BYTES / 2
}

/// The decoder has seen that they ascend.
fn follow(heads: &[Head], after: Option<(PublisherId, u32)>) -> bool {
    let first = heads.first().map(|head| (head.publisher, head.epoch));
    first.is_none_or(|first| after.is_none_or(|after| after < first))
}

fn accused(proof: &EquivocationProof) -> (PublisherId, u32) {
    let header = proof.first().header();
    (header.publisher, header.epoch)
}
