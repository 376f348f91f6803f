//! What a decision is on: CrowdSec's scopes, and one way to write each value. Pure.
//!
//! Decisions come by hand, by `cscli` and from agents, each spelling as it likes; what is kept, served and ended has one
//! name. Deliberately absent: where a country or an AS is. That is for bouncers, which have databases of it.

use crate::config::{canonical, network};

/// Longest scope and longest value, in bytes.
pub(crate) const LONGEST: usize = 256;

const IP: &str = "Ip";
const RANGE: &str = "Range";
const COUNTRY: &str = "Country";
const SYSTEM: &str = "AS";

/// ISO 3166-1 alpha-2, and Kosovo, which databases call XK. A code that nobody has would block nobody, silently.
const COUNTRIES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ \
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR \
    GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT \
    JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO \
    MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY \
    QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO \
    TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/// The names of scopes are CrowdSec's, whatever the case that they are written in.
pub(crate) fn scope(text: &str) -> String {
    let mut known = [IP, RANGE, COUNTRY, SYSTEM].into_iter();
    known
        .find(|known| known.eq_ignore_ascii_case(text))
        .unwrap_or(text)
        .to_owned()
}

/// Whether a scope holds whoever is somewhere: one such decision keeps out millions.
pub(crate) fn is_place(scope: &str) -> bool {
    [COUNTRY, SYSTEM]
        .iter()
        .any(|one| one.eq_ignore_ascii_case(scope))
}

/// The scope and value of a decision as they are kept, or why nobody can be meant. Of an address or network the scope
/// follows from the value; other scopes than CrowdSec's four are their owner's, and stay as they are.
pub(crate) fn named(scope_text: &str, value: &str) -> Result<(String, String), String> {
    if scope_text.len() > LONGEST || value.len() > LONGEST {
        return Err(format!("a scope or value of more than {LONGEST} bytes"));
    }
    let scope = scope(scope_text);
    let value = match scope.as_str() {
        IP | RANGE => {
            let net =
                network(value).ok_or_else(|| format!("{value:?} is neither an address nor a network"))?;
            let name = canonical(net);
            let scope = if name.contains('/') { RANGE } else { IP };
            return Ok((scope.to_owned(), name));
        }
        COUNTRY => country(value)
            .ok_or_else(|| format!("{value:?} is no country: its two letters by ISO 3166-1, such as FR"))?,
        SYSTEM => system(value).ok_or_else(|| {
            format!("{value:?} is no autonomous system: its number from 1 to 4294967295, such as AS64500")
        })?,
        _ => value.to_owned(),
    };
    Ok((scope, value))
}

/// A value that somebody asks for, as it would be kept; what means nothing stays as it is, and finds nothing. Without a
/// scope it says by its looks what it is on.
pub(crate) fn sought(scope: Option<&str>, value: &str) -> String {
    let found = match scope {
        Some(scope) => named(scope, value).ok().map(|named| named.1),
        None => network(value)
            .map(canonical)
            .or_else(|| country(value))
            .or_else(|| system(value)),
    };
    found.unwrap_or_else(|| value.to_owned())
}

fn country(text: &str) -> Option<String> {
    let code = text.trim().to_ascii_uppercase();
    COUNTRIES
        .split_ascii_whitespace()
        .any(|known| known == code)
        .then_some(code)
}

/// `AS64500` and `64500` are one; the number alone is CrowdSec's way.
fn system(text: &str) -> Option<String> {
    let text = text.trim();
    let digits = match text.split_at_checked(2) {
        Some((letters, digits)) if letters.eq_ignore_ascii_case(SYSTEM) => digits,
        _ => text,
    };
    let number: u32 = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())??;
    (number > 0).then(|| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(scope: &str, value: &str, expected: &str) {
        let got = named(scope, value).map(|(scope, value)| format!("{scope} {value}"));
        assert_eq!(got.unwrap_or_else(|why| why), expected, "{scope} {value}");
    }

    #[test]
    fn an_address_or_network_has_one_name_and_its_scope_follows() {
        check("ip", "::ffff:192.88.99.7", "Ip 192.88.99.7");
        check("Ip", "192.88.99.7/24", "Range 192.88.99.0/24");
        check("RANGE", "192.88.99.7/32", "Ip 192.88.99.7");
        check("ip", "FR", "\"FR\" is neither an address nor a network");
        check("session", "x", "session x");
    }

    #[test]
    fn countries_and_systems_have_one_name_and_nonsense_none() {
        check("country", "fr", "Country FR");
        check("Country", "XK", "Country XK");
        for wrong in ["XX9", "UK", "", "F", "France", "192.88.99.7"] {
            let why = format!("{wrong:?} is no country: its two letters by ISO 3166-1, such as FR");
            check("Country", wrong, &why);
        }
        for right in ["AS64500", "as64500", "64500", " 064500"] {
            check("as", right, "AS 64500");
        }
        check("AS", "AS4294967295", "AS 4294967295");
        for wrong in ["4294967296", "AS", "0", "-1", "+1", "AS 1", "FR"] {
            let why = format!(
                "{wrong:?} is no autonomous system: its number from 1 to 4294967295, such as AS64500"
            );
            check("AS", wrong, &why);
        }
    }

    #[test]
    fn what_is_sought_is_spelled_as_it_is_kept() {
        for (scope, value, kept) in [
            (None, "192.88.99.7/32", "192.88.99.7"),
            (None, "fr", "FR"),
            (None, "AS64500", "64500"),
            (None, "alice", "alice"),
            (Some("user"), "fr", "fr"),
            (Some("as"), "AS64500", "64500"),
            (Some("Country"), "XX9", "XX9"),
        ] {
            assert_eq!(sought(scope, value), kept, "{scope:?} {value}");
        }
    }
}
