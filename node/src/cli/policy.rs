//! `vigie policy`: what verdicts of the mesh lead to.

use clap::Subcommand;
use serde_json::json;

use super::control::Control;
use super::listing;
use super::{Format, Global};
use crate::terminal::say;

const COLUMNS: &[listing::Column] = &[
    ("At", "/at"),
    ("Address", "/value"),
    ("From", "/origin"),
    ("For", "/scenario"),
    ("Now", "/now"),
    ("Then", "/then"),
];

/// What the mesh's word leads to here
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Show it
    Show,
    /// Enforce verdicts of the mesh. Possible 72 h after joining. Closes the breaker if it is open
    Enforce {
        /// Do not wait for the 72 h of simulation
        #[arg(long)]
        now: bool,
    },
    /// Back to simulation: verdicts are shown and counted, not enforced
    Simulate,
    /// Say what the configuration file would have led to, before the node is restarted with it
    ///
    /// The file is the one that --config names, or the node's own as it is on disk now. What our sensor saw is judged anew
    /// under the node's present policy and under the file's. Of the mesh the node keeps what was done, not what was
    /// said, so a file can be seen to do less than was done, or the same.
    Test {
        /// How far back, such as 30m, 24h or 7d
        #[arg(long, default_value = "24h")]
        since: String,
        #[command(flatten)]
        format: Format,
    },
}

impl Policy {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let control = Control::reach(global).await?;
        let answer = match self {
            Self::Test { since, format } => return test(global, &control, &since, format).await,
            Self::Show => control.get("/policy").await?,
            Self::Enforce { now } => {
                control
                    .post("/policy", &json!({"remote": "enforce", "now": now}))
                    .await?
            }
            Self::Simulate => {
                control
                    .post("/policy", &json!({"remote": "simulate", "now": true}))
                    .await?
            }
        };
        say(&format!("{}\n", answer["sentence"].as_str().unwrap_or_default()))
    }
}

async fn test(global: &Global, control: &Control, since: &str, format: Format) -> anyhow::Result<()> {
    let file = global.config_file();
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        // Without a file the defaults hold.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            return Err(anyhow::Error::new(error).context(format!("cannot read {}", file.display())));
        }
    };
    let question = json!({"since": since, "path": file.display().to_string(), "text": text});
    let answer = control.post("/policy/test", &question).await?;
    if format.json {
        return say(&format!("{answer}\n"));
    }
    let counts = |side: &str| {
        let counted = answer[side].as_object().into_iter().flatten();
        let counted: Vec<String> = counted.map(|(what, count)| format!("{count} {what}")).collect();
        counted.join(", ")
    };
    say(&format!(
        "Of {} detections and verdicts since {since} ago, now: {}; with {}: {}.\n",
        answer["cases"],
        counts("now"),
        file.display(),
        counts("then"),
    ))?;
    let changes = answer["changes"].as_array().cloned().unwrap_or_default();
    format.print(&changes, COLUMNS, "Nothing would have been different.")
}
