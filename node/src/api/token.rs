//! Tokens of machines: JWT (RFC 7519) with HS256, signed with the secret of the machine's own row.
//!
//! So a token ends with its machine, lives through a restart, and any process on the same database knows it.
//! Deliberately absent: every other algorithm; whatever a token's head says, it is checked as HS256.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use vigie_wire::Timestamp;

/// How long a token holds, in seconds: CrowdSec's agents come back a minute before.
pub(super) const LIFE_SECS: i64 = 3_600;
/// The head of every token: `{"alg":"HS256","typ":"JWT"}`.
const HEAD: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
/// Longest token that is looked at, in bytes.
const LONGEST: usize = 4 << 10;

#[derive(Deserialize, Serialize)]
struct Claims {
    exp: i64,
    id: String,
    orig_iat: i64,
}

/// A token of this machine, from now on.
pub(super) fn sign(machine: &str, secret: &[u8; 32], now: Timestamp) -> String {
    let claims = Claims {
        exp: now.as_secs() + LIFE_SECS,
        id: machine.to_owned(),
        orig_iat: now.as_secs(),
    };
    let claims = serde_json::to_vec(&claims).unwrap_or_default();
    let text = format!("{HEAD}.{}", BASE64.encode(claims));
    let signature = BASE64.encode(mac(&text, secret).finalize().into_bytes());
    format!("{text}.{signature}")
}

/// Whose token it says to be: believed only after [`holds`].
pub(super) fn claimed(token: &str) -> Option<String> {
    Some(claims(token)?.id)
}

/// Whether this secret signed it and its time is not over.
pub(super) fn holds(token: &str, secret: &[u8; 32], now: Timestamp) -> bool {
    let Some((text, signature)) = token.rsplit_once('.') else {
        return false;
    };
    let Ok(signature) = BASE64.decode(signature) else {
        return false;
    };
    // In constant time.
    mac(text, secret).verify_slice(&signature).is_ok()
        && claims(token).is_some_and(|claims| claims.exp > now.as_secs())
}

fn claims(token: &str) -> Option<Claims> {
    if token.len() > LONGEST {
        return None;
    }
    let mut parts = token.split('.');
    let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    serde_json::from_slice(&BASE64.decode(claims).ok()?).ok()
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn mac(text: &str, secret: &[u8; 32]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("invariant: any length will do");
    mac.update(text.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_holds_for_an_hour_and_for_its_secret_only() {
        let now = Timestamp::from_secs(1_790_000_000);
        let token = sign("web", &[7; 32], now);
        assert_eq!(claimed(&token).as_deref(), Some("web"));
        assert!(holds(&token, &[7; 32], now));
        assert!(!holds(&token, &[8; 32], now));
        assert!(!holds(&token, &[7; 32], Timestamp::from_secs(1_790_003_600)));
        let head = BASE64.decode(HEAD).unwrap();
        assert_eq!(head, br#"{"alg":"HS256","typ":"JWT"}"#);
    }

    #[test]
    fn what_was_changed_or_unsigned_holds_nothing() {
        let now = Timestamp::from_secs(1_790_000_000);
        let token = sign("web", &[7; 32], now);
        let other = sign("db", &[8; 32], now);
        let claims = other.split('.').nth(1).unwrap();
        let parts: Vec<_> = token.split('.').collect();
        for wrong in [
            String::new(),
            "a.b.c".to_owned(),
            format!("{}.{claims}.{}", parts[0], parts[2]),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}.{}", parts[0], parts[1]),
            format!("eyJhbGciOiJub25lIn0.{}.", parts[1]),
        ] {
            assert!(!holds(&wrong, &[7; 32], now), "{wrong}");
        }
    }
}
