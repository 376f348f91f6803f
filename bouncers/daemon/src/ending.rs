//! What the end of a program means to whoever started it.

use std::process::ExitCode;

use vigie_bouncer_client::stream::FollowError;

/// Why a program ends other than by being told to. Its number is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The node gave no decisions, and there was to be one attempt only.
    NoDecisions = 1,
    /// Wrong configuration.
    Configuration = 2,
    /// The node refuses the key.
    Key = 3,
    /// What is to be in force cannot be put in force.
    Force = 4,
}

/// How a program, or one of its tasks, ended.
pub type Outcome = Result<(), (Failure, anyhow::Error)>;

/// Says which failure an error is.
pub trait Ending<T> {
    /// The same, as this failure.
    fn means(self, failure: Failure) -> Result<T, (Failure, anyhow::Error)>;
}

// === impl Ending ===

impl<T, E: Into<anyhow::Error>> Ending<T> for Result<T, E> {
    fn means(self, failure: Failure) -> Result<T, (Failure, anyhow::Error)> {
        self.map_err(|error| (failure, error.into()))
    }
}

// === impl Failure ===

impl Failure {
    pub(crate) const fn of(error: &FollowError) -> Self {
        match error {
            FollowError::Denied(_) => Self::Key,
            FollowError::Once(_) => Self::NoDecisions,
        }
    }
}

/// Tells a failure on standard error, in the name of a program, and gives its exit code.
pub fn exit_code(program: &str, outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err((failure, error)) => {
            eprintln!("{program}: {error:#}");
            ExitCode::from(failure as u8)
        }
    }
}
