//! The organisation key as 24 words to write down (BIP 39, English).

use anyhow::{Context, bail};
use bip39::Mnemonic;
use zeroize::Zeroizing;

/// The seed as words.
pub(crate) fn to_phrase(seed: &[u8; 32]) -> anyhow::Result<Zeroizing<String>> {
    let words = Mnemonic::from_entropy(seed).context("a seed has a length that words can hold")?;
    Ok(Zeroizing::new(words.to_string()))
}

/// The words as seed; a mistyped word or order is found by the checksum.
pub(crate) fn from_phrase(words: &str) -> anyhow::Result<[u8; 32]> {
    let mnemonic =
        Mnemonic::parse_normalized(&words.trim().to_lowercase()).context("this is not a recovery phrase")?;
    let (entropy, length) = mnemonic.to_entropy_array();
    match entropy.get(..length).map(<[u8; 32]>::try_from) {
        Some(Ok(seed)) => Ok(seed),
        _ => bail!("a recovery phrase has 24 words"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_give_the_seed_back_and_a_wrong_one_does_not() {
        let seed = [7; 32];
        let words = to_phrase(&seed).unwrap();
        assert_eq!(words.split(' ').count(), 24);
        assert_eq!(from_phrase(&words).unwrap(), seed);
        let swapped = words.replacen(words.split(' ').next().unwrap(), "zoo", 1);
        assert!(from_phrase(&swapped).is_err());
        assert!(from_phrase("abandon").is_err());
    }
}
