//! Setting any number of a run by its path: `traffic.single_share=0.7`, `attack.strike.targets_per_day=5`.
//!
//! Deliberately absent: a list of paths. They are the fields of [`Setup`], and an unknown one is refused with the names
//! that exist at that place.

use serde_json::Value;

use super::Setup;

/// Why a number was not set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssignRefused {
    /// There is no `=`.
    #[error("{0}: expected PATH=VALUE, such as traffic.single_share=0.7")]
    NoValue(Box<str>),
    /// A part of the path leads through something that has no fields.
    #[error("{path}: {part} has no fields")]
    NoFields {
        /// The whole path.
        path: Box<str>,
        /// Where it ends too early.
        part: Box<str>,
    },
    /// The result is no setup: an unknown name, or a value of the wrong kind.
    #[error("{path}: {reason}")]
    Refused {
        /// The whole path.
        path: Box<str>,
        /// What is wrong, with the names that exist.
        reason: Box<str>,
    },
}

// === impl Setup ===

impl Setup {
    /// Sets one number or word, `PATH=VALUE`. Words need no quotes. The range is checked when the run starts.
    pub fn assign(&mut self, assignment: &str) -> Result<(), AssignRefused> {
        let (path, text) = assignment
            .split_once('=')
            .ok_or_else(|| AssignRefused::NoValue(assignment.into()))?;
        let refused = |error: serde_json::Error| AssignRefused::Refused {
            path: path.into(),
            reason: error.to_string().into(),
        };
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
        let mut whole = serde_json::to_value(&*self).map_err(refused)?;
        let mut place = &mut whole;
        for part in path.split('.') {
            place = place
                .as_object_mut()
                .ok_or_else(|| AssignRefused::NoFields {
                    path: path.into(),
                    part: part.into(),
                })?
                .entry(part)
                .or_insert(Value::Null);
        }
        *place = value;
        let changed: Self = serde_json::from_value(whole).map_err(refused)?;
        // An attack without parameters ignores what it is given; nobody should believe that it was set.
        let kept = serde_json::to_value(&changed).map_err(refused)?;
        if kept.pointer(&format!("/{}", path.replace('.', "/"))).is_none() {
            return Err(AssignRefused::Refused {
                path: path.into(),
                reason: "there is no such number".into(),
            });
        }
        *self = changed;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reaches_every_number_and_a_wrong_one_says_what_exists() {
        let mut setup = Setup::default();
        setup.assign("traffic.single_share=0.7").unwrap();
        assert!((setup.traffic.single_share - 0.7).abs() < 1e-9);
        setup.assign("scorer=count-3").unwrap();
        assert_eq!(setup.scorer.to_string(), "count-3");
        let error = setup.assign("traffic.sigle_share=0.7").unwrap_err().to_string();
        assert!(
            error.starts_with("traffic.sigle_share: unknown field") && error.contains("single_share"),
            "{error}"
        );
        let error = setup.assign("days.x=1").unwrap_err().to_string();
        assert_eq!(error, "days.x: x has no fields");
        let error = setup.assign("attack.x=1").unwrap_err().to_string();
        assert_eq!(error, "attack.x: there is no such number");
        assert!(setup.assign("days").is_err());
        assert!(setup.assign("days=-1").is_err());
    }
}
