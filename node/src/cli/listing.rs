//! Every list of the command line, in one of three forms: a table for people, JSON and CSV for programs.

use anyhow::Context;
use clap::Args;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

use crate::terminal::{printable, say};

/// How a list is printed.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Format {
    /// Print JSON
    #[arg(long, conflicts_with = "csv")]
    pub(crate) json: bool,
    /// Print comma-separated values with a header line
    #[arg(long)]
    pub(crate) csv: bool,
}

/// One column: its heading, and the field it shows as a JSON pointer such as `/sighting/behaviour`.
pub(crate) type Column = (&'static str, &'static str);

// === impl Format ===

impl Format {
    /// Prints rows; an empty table says so in words, an empty JSON list is `[]`.
    pub(crate) fn print(self, rows: &[Value], columns: &[Column], nothing: &str) -> anyhow::Result<()> {
        let text = if self.json {
            serde_json::to_string_pretty(rows)? + "\n"
        } else if self.csv {
            csv_text(rows, columns)?
        } else if rows.is_empty() {
            format!("{nothing}\n")
        } else {
            table_text(rows, columns)
        };
        say(&text)
    }
}

fn table_text(rows: &[Value], columns: &[Column]) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(columns.iter().map(|(heading, _)| *heading));
    for row in rows {
        table.add_row(columns.iter().map(|(_, pointer)| cell(row, pointer)));
    }
    format!("{table}\n")
}

fn csv_text(rows: &[Value], columns: &[Column]) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(
        columns
            .iter()
            .map(|(heading, _)| heading.to_lowercase().replace(' ', "_")),
    )?;
    for row in rows {
        writer.write_record(columns.iter().map(|(_, pointer)| cell(row, pointer)))?;
    }
    String::from_utf8(writer.into_inner()?).context("a list holds bytes that are no text")
}

fn cell(row: &Value, pointer: &str) -> String {
    match row.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => printable(text),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map_or_else(|| item.to_string(), printable))
            .collect::<Vec<_>>()
            .join(", "),
        Some(Value::Bool(yes)) => (if *yes { "yes" } else { "no" }).to_owned(),
        Some(other) => other.to_string(),
    }
}

/// A false alarm is more than a decision: others may have heard of it from us.
pub(crate) fn shared_before(sightings: u64, of: &dyn std::fmt::Display) -> String {
    format!("Others heard of it from us ({sightings} sightings). Take that back: `vigie retract {of}`.\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn hostile_text_cannot_steer_the_terminal_and_csv_is_quoted() {
        let rows = [json!({"a": "x\u{1b}[2J", "b": {"c": "1,2"}, "d": null})];
        let columns = [("A", "/a"), ("B c", "/b/c"), ("D", "/d")];
        assert!(!table_text(&rows, &columns).contains('\u{1b}'));
        assert_eq!(
            csv_text(&rows, &columns).unwrap(),
            "a,b_c,d\nx\u{fffd}[2J,\"1,2\",\n"
        );
    }
}
