//! `vigie trust`: whom this node trusts, why, and what would change if it did not.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::control::{Control, escape};
use super::{Format, Global, listing, revoke, vouch};
use crate::terminal::{printable, say};

const ANCHORS: &[listing::Column] = &[
    ("Organisation", "/organisation"),
    ("Name", "/name"),
    ("Seed", "/seed"),
    ("Vouches for", "/vouches_for"),
    ("Known", "/known"),
];

/// Lines of the tree that are printed.
const PRINTED: usize = 1_000;

/// Whom we trust, and what our trust rests on
#[derive(Debug, Subcommand)]
pub(crate) enum Trust {
    /// Whom we trust first; affects weights here only
    Anchors(Anchors),
    Vouch(vouch::Vouch),
    Revoke(revoke::Revoke),
    /// Where an organisation stands for us; without a name, everybody
    Show {
        /// Its key, its id or its name
        key: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// What would change if we distrusted somebody. Changes nothing
    Simulate {
        /// Whose word and whose vouches shall count for nothing: a key, an id or a name
        #[arg(long, required = true, value_name = "KEY")]
        without: Vec<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Anchors of this node.
#[derive(Debug, Args)]
pub(crate) struct Anchors {
    #[command(flatten)]
    format: Format,
    #[command(subcommand)]
    change: Option<Change>,
}

#[derive(Debug, Subcommand)]
enum Change {
    /// Trust an organisation first
    Add {
        /// Its key, its id or its name
        key: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Trust it first no more
    Remove {
        /// Its key, its id or its name
        key: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl Trust {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        match self {
            Self::Anchors(Anchors { format, change }) => anchors(global, format, change).await,
            Self::Vouch(command) => command.run(global).await,
            Self::Revoke(command) => command.run(global).await,
            Self::Show { key: Some(key), json } => {
                let control = Control::reach(global).await?;
                tell(&control.get(&format!("/trust/{}", escape(&key))).await?, json)
            }
            Self::Show { key: None, json } => {
                let answer = Control::reach(global).await?.get("/trust").await?;
                if json {
                    return say(&format!("{}\n", serde_json::to_string_pretty(&answer)?));
                }
                say(&tree(&answer))
            }
            Self::Simulate { without, json } => {
                let control = Control::reach(global).await?;
                let answer = control
                    .post("/trust/simulate", &json!({"without": without}))
                    .await?;
                tell(&answer, json)
            }
        }
    }
}

async fn anchors(global: &Global, format: Format, change: Option<Change>) -> anyhow::Result<()> {
    let control = Control::reach(global).await?;
    let (body, verb, json) = match change {
        None => {
            let rows = control.rows("/trust/anchors").await?;
            return format.print(
                &rows,
                ANCHORS,
                "No anchor is chosen: the mesh's word never blocks.",
            );
        }
        Some(Change::Add { key, json }) => (json!({"add": key}), "is an anchor of ours now", json),
        Some(Change::Remove { key, json }) => (json!({"remove": key}), "is no anchor of ours any more", json),
    };
    let answer = control.post("/trust/anchors", &body).await?;
    if json {
        return say(&format!("{}\n", serde_json::to_string_pretty(&answer)?));
    }
    let mut text = format!(
        "{} {verb}. Our anchors reach {} independent groups.\n",
        answer["organisation"].as_str().unwrap_or_default(),
        answer["groups"]
    );
    if answer["unknown"] == true {
        text.push_str("The network does not know it: until it does, this changes nothing.\n");
    }
    if answer["anchors"].as_array().is_some_and(Vec::is_empty) {
        text.push_str("No anchor is left: the mesh's word is shown, and never blocks.\n");
    }
    say(&text)
}

fn tell(answer: &Value, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return say(&format!("{}\n", serde_json::to_string_pretty(answer)?));
    }
    let lines = answer["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text: Vec<String> = lines.iter().filter_map(Value::as_str).map(printable).collect();
    say(&format!("{}\n", text.join("\n")))
}

fn tree(answer: &Value) -> String {
    let rows = answer["organisations"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let mut text = String::new();
    let mut apart = false;
    for row in rows.iter().take(PRINTED) {
        let reached = row["reached"] == true;
        if !reached && !apart {
            apart = true;
            text.push_str("Reached by no anchor of ours, so never counted:\n");
        }
        let depth = usize::try_from(row["depth"].as_u64().unwrap_or(0)).unwrap_or(0);
        let weight = match row["weight"].as_i64() {
            Some(weight) => format!("{}.{:03} nats", weight / 1_000, weight % 1_000),
            None => "silent so far".to_owned(),
        };
        let what = match (row["anchor"] == true, row["ours"] == true) {
            (true, _) => ", an anchor of ours",
            (_, true) => ", that is us",
            _ => "",
        };
        text.push_str(&format!(
            "{}{} ({}): {weight}{what}\n",
            "  ".repeat(depth + usize::from(!reached)),
            printable(row["name"].as_str().unwrap_or_default()),
            printable(row["organisation"].as_str().unwrap_or_default()),
        ));
    }
    if rows.len() > PRINTED {
        text.push_str(&format!("... and {} more, see --json\n", rows.len() - PRINTED));
    }
    text.push_str(&format!(
        "{} organisations; our anchors reach {} independent groups.\n",
        rows.len(),
        answer["groups"]
    ));
    text
}
