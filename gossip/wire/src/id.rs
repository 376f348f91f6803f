//! The names of things on the wire, each a hash of fixed width with a domain of its own.
//!
//! Deliberately absent: keys and signatures, which stand in `key`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A name that is not the hexadecimal digits it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} hexadecimal digits")]
pub struct ParseIdError {
    expected: usize,
}

// The names differ in width and meaning only; a function cannot declare types.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $width:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $width]);

        impl $name {
            /// Bytes of one such name.
            pub const WIDTH: usize = $width;
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let mut bytes = [0; $width];
                hex::decode_to_slice(text, &mut bytes)
                    .map_err(|_| ParseIdError { expected: 2 * $width })?;
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(
    /// The network: the first 16 bytes of the BLAKE3 of its genesis file.
    NetworkId, 16
);
name!(
    /// A publisher: the first 16 bytes of the hash of a node key.
    PublisherId, 16
);
name!(
    /// An organisation: the first 16 bytes of the BLAKE3 of its organisation key.
    OrgId, 16
);
name!(
    /// The BLAKE3 of an envelope's header, without the signature: the link of the chain.
    HeaderHash, 32
);
name!(
    /// Which rule saw it: the first 8 bytes of the BLAKE3 of the scenario's source.
    RuleHash, 8
);
name!(
    /// A statement: the BLAKE3 of its bytes without the signatures.
    StatementId, 32
);
