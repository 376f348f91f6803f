//! `vigie sensor explain --type T 'LINE'`: what each rule made of one line.

use clap::Args;
use vigie_sensor::explain::{Explanation, Outcome, explain};
use vigie_sensor::line::{Line, Position};

use super::rules::Rules;
use crate::asked::Asked;
use crate::cli::Global;
use crate::clock;
use crate::terminal::{printable, say};

/// Show stage by stage what each rule does with a line, and which buckets it fills
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The line, as it stands in the log; with - it is read from standard input
    line: String,
    /// What kind of log it is from, as in the type label of a source: syslog, nginx, apache2
    #[arg(long = "type", value_name = "TYPE")]
    kind: String,
    /// Also name the rules that did not take it
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    rules: Rules,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(crate) fn run(self, global: &Global) -> anyhow::Result<()> {
        let rules = self.rules.load(global, Asked::nobody())?;
        let text = if self.line == "-" {
            let mut text = String::new();
            std::io::stdin().read_line(&mut text)?;
            text
        } else {
            self.line
        };
        let now = clock::now();
        let line = Line {
            source: "explain".into(),
            position: Position::File { file: 0, offset: 0 },
            kind: self.kind.as_str().into(),
            text: text.trim_end_matches(['\n', '\r']).to_owned(),
            read_at: now,
        };
        let told = explain(&rules, &line, now);
        if self.json {
            return say(&format!("{}\n", serde_json::to_string_pretty(&told)?));
        }
        say(&words(&told, self.all))
    }
}

fn words(told: &Explanation, all: bool) -> String {
    let mut out = String::new();
    for stage in &told.stages {
        out.push_str(&format!("{}\n", printable(&stage.name)));
        for node in stage.nodes.iter().filter(|node| all || node.success) {
            let mark = if node.success { "takes it" } else { "-" };
            out.push_str(&format!("  {}  {mark}\n", printable(&node.name)));
            for (field, value) in node.set.iter().filter(|_| node.success) {
                out.push_str(&format!("    {} = {}\n", printable(field), printable(value)));
            }
        }
    }
    match &told.outcome {
        Outcome::Unparsed { stage } => {
            out.push_str(&format!(
                "No rule of {} takes it: it ends there.\n",
                printable(stage)
            ));
        }
        Outcome::Whitelisted { reason } => {
            out.push_str(&format!(
                "It is whitelisted ({}): it ends there.\n",
                printable(reason)
            ));
        }
        Outcome::Parsed if told.buckets.is_empty() && told.detections.is_empty() => {
            out.push_str("It is parsed, and no scenario wants it.\n");
        }
        Outcome::Parsed => {}
    }
    if !told.buckets.is_empty() {
        out.push_str("Buckets\n");
    }
    for bucket in &told.buckets {
        let group = if bucket.group.is_empty() {
            "one for all"
        } else {
            &bucket.group
        };
        let room = match bucket.capacity {
            capacity if capacity < 0 => "overflows by its condition".to_owned(),
            capacity => format!("holds {capacity}, leaks one in {}", bucket.leakspeed),
        };
        out.push_str(&format!(
            "  {}  for {}: {room}\n",
            printable(&bucket.scenario),
            printable(group)
        ));
    }
    if !told.detections.is_empty() {
        out.push_str("Detections\n");
    }
    for detection in &told.detections {
        out.push_str(&format!("  {}\n", printable(&detection.message)));
    }
    out
}
