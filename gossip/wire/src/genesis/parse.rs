//! From a text to a genesis, if the text is the one that `render` would write.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::{Founder, GENESIS_MARK, Genesis, GenesisError, GenesisProblem, MAX_GENESIS_BYTES, date};
use crate::codec::is_name;
use crate::{Labels, PublicKey};

/// The lines of the file, counted.
struct Lines<'a> {
    rest: &'a str,
    line: usize,
}

pub(super) fn genesis(text: &str) -> Result<Genesis, GenesisError> {
    let mut lines = Lines { rest: text, line: 0 };
    if text.len() > MAX_GENESIS_BYTES {
        return lines.fail(GenesisProblem::TooLong);
    }
    if lines.next()? != GENESIS_MARK {
        return lines.fail(GenesisProblem::Mark);
    }
    let name = lines.name()?;
    let created = lines.field("created")?;
    let created = lines.found(date::parse(created), GenesisProblem::Created)?;
    let quorum = lines.field("quorum")?;
    let quorum = lines.found(plain(quorum), GenesisProblem::Quorum)?;
    let mut keys = BTreeSet::new();
    let seeds = lines.founders("seed", &mut keys)?;
    let members = lines.founders("member", &mut keys)?;
    if !lines.rest.is_empty() {
        lines.next()?;
        return lines.fail(GenesisProblem::Expected("member"));
    }
    let genesis = Genesis {
        name,
        created,
        quorum,
        seeds,
        members,
    };
    genesis
        .check()
        .map_err(|problem| GenesisError { line: 0, problem })?;
    Ok(genesis)
}

/// A number without sign and leading zeros.
fn plain<T: FromStr + ToString>(text: &str) -> Option<T> {
    text.parse().ok().filter(|number: &T| number.to_string() == text)
}

// === impl Lines ===

impl<'a> Lines<'a> {
    fn fail<T>(&self, problem: GenesisProblem) -> Result<T, GenesisError> {
        Err(GenesisError {
            line: self.line,
            problem,
        })
    }

    fn found<T>(&self, value: Option<T>, problem: GenesisProblem) -> Result<T, GenesisError> {
        value.ok_or(GenesisError {
            line: self.line,
            problem,
        })
    }

    fn next(&mut self) -> Result<&'a str, GenesisError> {
        self.line += 1;
        let Some((line, rest)) = self.rest.split_once('\n') else {
            return self.fail(GenesisProblem::LineEnd);
        };
        if line.ends_with('\r') {
            return self.fail(GenesisProblem::LineEnd);
        }
        self.rest = rest;
        Ok(line)
    }

    /// The rest of a line that begins with that word.
    fn field(&mut self, word: &'static str) -> Result<&'a str, GenesisError> {
        let line = self.next()?;
        let rest = line.strip_prefix(word).and_then(|rest| rest.strip_prefix(' '));
        self.found(rest, GenesisProblem::Expected(word))
    }

    fn name(&mut self) -> Result<Box<str>, GenesisError> {
        let name = self.field("name")?;
        self.found(is_name(name).then(|| name.into()), GenesisProblem::Name)
    }

    fn founders(
        &mut self,
        word: &'static str,
        keys: &mut BTreeSet<PublicKey>,
    ) -> Result<Vec<Founder>, GenesisError> {
        let mut founders = Vec::new();
        while self
            .rest
            .strip_prefix(word)
            .is_some_and(|rest| rest.starts_with(' '))
        {
            let founder = self.founder(word)?;
            if !keys.insert(founder.key) {
                return self.fail(GenesisProblem::Twice);
            }
            founders.push(founder);
        }
        Ok(founders)
    }

    fn founder(&mut self, word: &'static str) -> Result<Founder, GenesisError> {
        let mut words = self.field(word)?.splitn(6, ' ');
        let mut next = || words.next().unwrap_or_default();
        let key = next();
        let lower = !key.bytes().any(|byte| byte.is_ascii_uppercase());
        let key = self.found(key.parse().ok().filter(|_| lower), GenesisProblem::Key)?;
        let history = self.found(plain(next()), GenesisProblem::History)?;
        let labels = Labels {
            operator: self.found(operator(next()), GenesisProblem::Operator)?,
            country: self.found(country(next()), GenesisProblem::Country)?,
            asn: self.found(asn(next()), GenesisProblem::Asn)?,
        };
        let name = next();
        let name = self.found(is_name(name).then(|| name.into()), GenesisProblem::Name)?;
        Ok(Founder {
            key,
            name,
            labels,
            history,
        })
    }
}

fn operator(word: &str) -> Option<[u8; 8]> {
    let mut operator = [0; 8];
    if word == "-" {
        return Some(operator);
    }
    hex::decode_to_slice(word, &mut operator).ok()?;
    (operator != [0; 8] && hex::encode(operator) == word).then_some(operator)
}

fn country(word: &str) -> Option<[u8; 2]> {
    if word == "-" {
        return Some([0; 2]);
    }
    let country: [u8; 2] = word.as_bytes().try_into().ok()?;
    country.iter().all(u8::is_ascii_uppercase).then_some(country)
}

fn asn(word: &str) -> Option<u32> {
    if word == "-" {
        Some(0)
    } else {
        plain(word).filter(|number| *number != 0)
    }
}
