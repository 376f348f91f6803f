//! A name for the rules in force: the constants and functions that decide, as they are compiled in.
//!
//! Two programs of one name give the same verdicts; of two names they may. It is made from the sources, so nobody can
//! forget to change it; comments and tests do not count.

/// The sources that decide. What only stores or looks up is left out.
const SOURCES: [&str; 20] = [
    include_str!("../constants.rs"),
    include_str!("../class.rs"),
    include_str!("../evidence.rs"),
    include_str!("../fixed.rs"),
    include_str!("../graph.rs"),
    include_str!("../memory.rs"),
    include_str!("../own.rs"),
    include_str!("../partition.rs"),
    include_str!("../reporter.rs"),
    include_str!("../reporter/record.rs"),
    include_str!("../score.rs"),
    include_str!("../score/expose.rs"),
    include_str!("../score/hearing.rs"),
    include_str!("../score/judge.rs"),
    include_str!("../score/object.rs"),
    include_str!("../score/renew.rs"),
    include_str!("../score/weigh.rs"),
    include_str!("../score/withdraw.rs"),
    include_str!("../subject.rs"),
    include_str!("../subject/crowd.rs"),
];

/// Sixteen hexadecimal digits.
pub fn fingerprint() -> String {
    let mut hasher = blake3::Hasher::new_derive_key("vigie/scoring-rules/v1");
    for source in SOURCES {
        let lines = source.lines().map(str::trim);
        for line in lines.take_while(|line| *line != "#[cfg(test)]") {
            if !line.is_empty() && !line.starts_with("//") {
                hasher.update(line.as_bytes());
                hasher.update(b"\n");
            }
        }
    }
    hasher.finalize().to_hex().chars().take(16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_short_and_stable_and_sees_the_numbers() {
        assert_eq!(fingerprint().len(), 16);
        assert_eq!(fingerprint(), fingerprint());
        assert!(SOURCES[0].contains("pub const KAPPA: i64 = "));
    }
}
