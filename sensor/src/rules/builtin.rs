//! The rules that come with the program, embedded: stage or nothing, name, text.

/// Parser files.
pub(super) const PARSERS: &[(&str, &str, &str)] = &[];
/// Scenario files.
pub(super) const SCENARIOS: &[(&str, &str)] = &[];
/// Data files that rules look things up in.
pub(super) const DATA: &[(&str, &str)] = &[];
