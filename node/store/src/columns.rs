//! How values lie in columns, the same in every database, so that a copy from one into another stays readable.
//!
//! Before this: a row of a database. After it: the types of this crate. Deliberately absent: SQL, and the
//! oddities of one database, such as PostgreSQL's texts that cannot hold a NUL. See `sql`.

use std::net::IpAddr;

use vigie_wire::{Indicator, SightingId};

use crate::{Remediation, Share, Tier};

/// A value in a column that no version of this program writes there.
#[derive(Debug, thiserror::Error)]
#[error("{column} holds {found:?}")]
pub(crate) struct BadColumn {
    /// Which column.
    pub(crate) column: &'static str,
    /// What stands there.
    pub(crate) found: String,
}

/// The family of an indicator: with [`indicator_value`] it names exactly one.
pub(crate) const fn indicator_family(indicator: &Indicator) -> &'static str {
    match indicator {
        Indicator::Ip(_) => "ip",
        Indicator::Range(_) => "range",
        Indicator::Domain(_) => "domain",
        Indicator::Url(_) => "url",
        Indicator::Sha256(_) => "sha256",
        Indicator::Asn(_) => "asn",
        Indicator::Unknown { .. } => "unknown",
    }
}

/// The text of an indicator, one per value, so that looking one up is an index look-up.
pub(crate) fn indicator_value(indicator: &Indicator) -> String {
    match indicator {
        Indicator::Unknown { tag, bytes } => format!("{tag}:{}", hex::encode(bytes)),
        Indicator::Asn(number) => number.to_string(),
        other => other.to_string(),
    }
}

/// The indicator that [`indicator_family`] and [`indicator_value`] wrote.
pub(crate) fn indicator(family: &str, value: &str) -> Result<Indicator, BadColumn> {
    known_indicator(family, value).ok_or_else(|| BadColumn {
        column: "indicator",
        found: format!("{family} {value}"),
    })
}

fn known_indicator(family: &str, value: &str) -> Option<Indicator> {
    Some(match family {
        "ip" => Indicator::Ip(value.parse().ok()?),
        "range" => Indicator::Range(value.parse().ok()?),
        "domain" => Indicator::Domain(value.into()),
        "url" => Indicator::Url(value.into()),
        "sha256" => {
            let mut hash = [0; 32];
            hex::decode_to_slice(value, &mut hash).ok()?;
            Indicator::Sha256(Box::new(hash))
        }
        "asn" => Indicator::Asn(value.parse().ok()?),
        "unknown" => {
            let (tag, bytes) = value.split_once(':')?;
            Indicator::Unknown {
                tag: tag.parse().ok()?,
                bytes: hex::decode(bytes).ok()?.into(),
            }
        }
        _ => return None,
    })
}

/// The word of a share, and the sighting it left as.
pub(crate) fn share_columns(share: &Share) -> (&'static str, Option<String>) {
    match share {
        Share::Never => ("never", None),
        Share::Pending => ("pending", None),
        Share::Shared(sighting) => ("shared", Some(sighting.to_string())),
    }
}

/// The share that [`share_columns`] wrote.
pub(crate) fn share(word: &str, shared_as: Option<&str>) -> Result<Share, BadColumn> {
    match (word, shared_as) {
        ("never", None) => Ok(Share::Never),
        ("pending", None) => Ok(Share::Pending),
        ("shared", Some(text)) => match text.parse::<SightingId>() {
            Ok(sighting) => Ok(Share::Shared(sighting)),
            Err(_) => Err(bad("shared_as", text)),
        },
        _ => Err(bad("share", word)),
    }
}

/// The word of a tier.
pub(crate) const fn tier_word(tier: Tier) -> &'static str {
    match tier {
        Tier::Authenticated => "authenticated",
        Tier::LongLived => "long_lived",
    }
}

/// The tier of a word.
pub(crate) fn tier(word: &str) -> Result<Tier, BadColumn> {
    [Tier::Authenticated, Tier::LongLived]
        .into_iter()
        .find(|tier| tier_word(*tier) == word)
        .ok_or_else(|| bad("tier", word))
}

/// Remediations as words with commas between them.
pub(crate) fn remediation_words(remediations: &[Remediation]) -> String {
    let words: Vec<_> = remediations.iter().map(|one| one.word()).collect();
    words.join(",")
}

/// The remediations that [`remediation_words`] wrote.
pub(crate) fn remediations(words: &str) -> Result<Vec<Remediation>, BadColumn> {
    words
        .split(',')
        .filter(|word| !word.is_empty())
        .map(|word| word.parse().map_err(|_| bad("remediations", word)))
        .collect()
}

/// The text that stands for an address: IPv4 in IPv6 is IPv4, so that one host has one record.
pub(crate) fn address(ip: IpAddr) -> String {
    ip.to_canonical().to_string()
}

/// A place in a chain as a signed number of the same order: databases have no unsigned one, and a stranger may
/// choose his numbers. Zero lies at `i64::MIN`.
pub(crate) const fn seq_column(seq: u64) -> i64 {
    (seq ^ (1 << 63)).cast_signed()
}

/// The place that [`seq_column`] wrote.
pub(crate) const fn seq(column: i64) -> u64 {
    column.cast_unsigned() ^ (1 << 63)
}

/// The smallest text above every text that starts with `prefix`; `None` if there is none. For texts compared by
/// their bytes, names with a prefix are then a range of an index.
pub(crate) fn prefix_end(prefix: &str) -> Option<String> {
    let mut kept = prefix.to_owned();
    while let Some(last) = kept.pop() {
        // Surrogates are no characters: the one after U+D7FF is U+E000.
        let next = (u32::from(last) + 1..)
            .take_while(|code| *code <= 0x0010_FFFF)
            .find_map(char::from_u32);
        if let Some(next) = next {
            kept.push(next);
            return Some(kept);
        }
    }
    None
}

fn bad(column: &'static str, found: &str) -> BadColumn {
    BadColumn {
        column,
        found: found.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_keep_their_order_and_come_back() {
        let places = [0, 1, 255, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX];
        assert!(places.is_sorted_by_key(|place| seq_column(*place)));
        for place in places {
            assert_eq!(seq(seq_column(place)), place);
        }
    }

    #[test]
    fn the_end_of_a_prefix_is_the_next_text_that_lacks_it() {
        for (prefix, end) in [
            ("", None),
            ("a", Some("b")),
            ("a\u{10FFFF}", Some("b")),
            ("\u{10FFFF}", None),
            ("x/\u{D7FF}", Some("x/\u{E000}")),
        ] {
            assert_eq!(prefix_end(prefix).as_deref(), end, "{prefix:?}");
        }
    }

    #[test]
    fn unknown_words_are_named() {
        assert_eq!(
            share("perhaps", None).unwrap_err().to_string(),
            "share holds \"perhaps\""
        );
        assert!(share("shared", None).is_err());
        assert!(indicator("ip", "1.2.3").is_err());
        assert!(indicator("colour", "red").is_err());
        assert!(tier("").is_err());
        assert_eq!(remediations("").unwrap(), []);
    }
}
