//! `[store]`: where the node keeps things.

use serde::Deserialize;

use super::{Section, Wrong};

/// Which database.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Store {
    /// A PostgreSQL URL; empty for the SQLite file in the data directory.
    pub(crate) url: String,
}

// === impl Store ===

impl Store {
    /// Whether the URL tells a password.
    pub(crate) fn tells_password(&self) -> bool {
        let rest = self.url.split_once("://").map_or("", |(_, rest)| rest);
        let user = rest.split(['/', '?']).next().unwrap_or_default().rsplit_once('@');
        user.is_some_and(|(user, _)| user.contains(':')) || rest.contains("password=")
    }
}

impl Section for Store {
    fn check(&self) -> Vec<Wrong> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_found() {
        let tells = |url: &str| Store { url: url.to_owned() }.tells_password();
        assert!(tells("postgres://vigie:secret@localhost/vigie"));
        assert!(tells("postgres:///vigie?user=vigie&password=secret"));
        assert!(!tells("postgres://vigie@localhost:5432/vigie") && !tells(""));
    }
}
