//! Text for people on standard output. Deliberately absent: tables and other forms of lists (`cli/listing`).

use std::io::Write;

use anyhow::Context;

/// Writes to standard output; a reader that went away (`| head`) is no error.
pub(crate) fn say(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// What others wrote must not steer our terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
