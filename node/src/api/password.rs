//! Passwords of machines: hashed slowly, beside the runtime, a few at a time.
//!
//! Deliberately absent: limits for who guesses, which are the door's.

use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// Hashes at a time: each takes 19 MiB and tens of milliseconds of a core.
static ROOM: Semaphore = Semaphore::const_new(2);

/// Longest wait for one's turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whoever could not be served.
#[derive(Debug, thiserror::Error)]
#[error("a password could not be hashed")]
pub(crate) struct Unhashed;

async fn turn() -> Result<SemaphorePermit<'static>, Unhashed> {
    let turn = timeout(PATIENCE, ROOM.acquire()).await;
    turn.map_err(|_| Unhashed)?.map_err(|_| Unhashed)
}

/// The hash of a new password, as a PHC string (Argon2id).
pub(crate) async fn hash(password: String) -> Result<String, Unhashed> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|_| Unhashed)?;
    let permit = turn().await?;
    let work = move || {
        // Held to the end, also for whoever hangs up meanwhile.
        let _permit = permit;
        let salt = SaltString::encode_b64(&salt).ok()?;
        let made = Argon2::default().hash_password(password.as_bytes(), &salt).ok()?;
        Some(made.to_string())
    };
    tokio::task::spawn_blocking(work)
        .await
        .ok()
        .flatten()
        .ok_or(Unhashed)
}

/// Whether this is the password. Without a hash, as for a machine that is not there, it takes as long and is not.
pub(crate) async fn is_right(password: String, hash: Option<String>) -> Result<bool, Unhashed> {
    let Some(hash) = hash else {
        self::hash(password).await?;
        return Ok(false);
    };
    let permit = turn().await?;
    let work = move || {
        let _permit = permit;
        let Ok(known) = PasswordHash::new(&hash) else {
            return false;
        };
        Argon2::default()
            .verify_password(password.as_bytes(), &known)
            .is_ok()
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| Unhashed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_is_right_and_no_hash_is_made_twice() {
        let (one, two) = (hash("a".into()).await.unwrap(), hash("a".into()).await.unwrap());
        assert_ne!(one, two);
        assert!(is_right("a".into(), Some(one.clone())).await.unwrap());
        assert!(!is_right("b".into(), Some(one)).await.unwrap());
        assert!(!is_right("a".into(), None).await.unwrap());
        assert!(!is_right("a".into(), Some("nonsense".into())).await.unwrap());
    }
}
