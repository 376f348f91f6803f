//! What the demo shows: on a terminal a picture that is drawn again, elsewhere one plain line for each step done.

use std::io::{IsTerminal, Write};
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::time::Instant;

use super::gate::{Gate, View as Seen};

/// How often the picture is drawn.
const FRAME: Duration = Duration::from_millis(90);
const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// Wider than this, text is hard to read.
const WIDEST: usize = 100;

/// When a step was done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Time {
    /// It took so long.
    Took(Duration),
    /// So long after the first detection.
    After(Duration),
}

#[derive(Debug)]
struct Step {
    text: String,
    time: Option<Time>,
    details: Vec<String>,
}

/// A row of the picture's table: one organisation's firewall.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) gate: Gate,
}

/// Steps, and firewalls once they stand.
#[derive(Debug)]
pub(crate) struct View {
    live: bool,
    title: String,
    steps: Vec<Step>,
    rows: Vec<Row>,
    /// The attacker and the innocent.
    outside: Option<[Ipv4Addr; 2]>,
    /// Nothing is drawn any more after this; it may be taller than the screen.
    complete: bool,
    drawn_lines: usize,
    drawn_at: Option<Instant>,
    frame: usize,
}

// === impl View ===

impl View {
    pub(crate) fn new(title: &str) -> Self {
        let mut view = Self {
            live: std::io::stdout().is_terminal(),
            title: title.to_owned(),
            steps: Vec::new(),
            rows: Vec::new(),
            outside: None,
            complete: false,
            drawn_lines: 0,
            drawn_at: None,
            frame: 0,
        };
        if view.live {
            view.draw();
        } else {
            say(&format!("{title}\n\n"));
        }
        view
    }

    /// Firewalls to show.
    pub(crate) fn watch(&mut self, rows: Vec<Row>, outside: [Ipv4Addr; 2]) {
        self.rows = rows;
        self.outside = Some(outside);
    }

    pub(crate) fn begin(&mut self, text: &str) {
        self.steps.push(Step {
            text: text.to_owned(),
            time: None,
            details: Vec::new(),
        });
        self.draw();
    }

    /// The step that began last is done, and is now told so.
    pub(crate) fn done(&mut self, text: &str, time: Time, details: &[String]) {
        if !self.live {
            say(&format!("{:>12}  {text}\n", spell(time)));
            for detail in details {
                say(&format!("{:>12}    {detail}\n", ""));
            }
        }
        if let Some(step) = self.steps.last_mut() {
            text.clone_into(&mut step.text);
            step.time = Some(time);
            step.details = details.to_vec();
        }
        self.draw();
    }

    /// Draws again if it is time.
    pub(crate) fn tick(&mut self) {
        if self.drawn_at.is_none_or(|at| at.elapsed() >= FRAME) {
            self.frame = self.frame.wrapping_add(1);
            self.draw();
        }
    }

    /// What follows stands below the picture.
    pub(crate) fn leave(&mut self) {
        if self.live {
            self.complete = true;
            self.draw();
            self.live = false;
            say("\x1b[?25h\n");
        }
    }

    /// Draws over what was drawn before, so nothing of it may have left the screen at its top.
    fn draw(&mut self) {
        if !self.live {
            return;
        }
        let (width, height) = size();
        let mut picture = self.picture(width, usize::MAX);
        if !self.complete && picture.len() >= height {
            let details: usize = self.steps.iter().map(|step| step.details.len()).sum();
            picture = self.picture(width, (height + details).saturating_sub(picture.len() + 1));
            picture.truncate(height.saturating_sub(1));
        }
        let up = match self.drawn_lines {
            0 => String::new(),
            lines => format!("\x1b[{lines}A"),
        };
        let lines: String = picture.iter().map(|line| format!("\x1b[2K{line}\n")).collect();
        say(&format!("\x1b[?25l{up}\r{lines}\x1b[J"));
        self.drawn_lines = picture.len();
        self.drawn_at = Some(Instant::now());
    }

    /// With so many lines of details at most, the latest.
    fn picture(&self, width: usize, mut details: usize) -> Vec<String> {
        let mut lines = self.table(width);
        lines.reverse();
        for step in self.steps.iter().rev() {
            let shown = step.details.iter().rev().take(details);
            lines.extend(shown.map(|detail| paint(&format!("      {detail}"), width, "2")));
            details = details.saturating_sub(step.details.len());
            lines.push(self.headline(step, width));
        }
        lines.extend([String::new(), paint(&self.title, width, "1"), String::new()]);
        lines.reverse();
        lines
    }

    fn headline(&self, step: &Step, width: usize) -> String {
        let (mark, time) = match step.time {
            Some(time) => ("\x1b[32m✓\x1b[0m", spell(time)),
            None => (SPINNER[self.frame % SPINNER.len()], String::new()),
        };
        let text = pad(&step.text, width.saturating_sub(4 + 13));
        format!("  {mark} {text}\x1b[2m{time:>12}\x1b[0m")
    }

    fn table(&self, width: usize) -> Vec<String> {
        let wide_enough = !self.rows.is_empty() && width >= 4 + 16 + 2 * 26;
        let Some(outside) = self.outside.filter(|_| wide_enough) else {
            return Vec::new();
        };
        let [attacker, innocent] = outside.map(|address| address.to_string());
        let (attacker, innocent) = (format!("attacker {attacker}"), format!("innocent {innocent}"));
        let head = format!("    {:<16}{attacker:<26}{innocent}", "firewall of");
        let mut lines = vec![String::new(), paint(&head, width, "2")];
        lines.extend(self.rows.iter().map(|row| {
            let [attacker, innocent] = outside.map(|address| state(row.gate.seen_from(address)));
            format!("    {:<16}{attacker}{innocent}", row.name)
        }));
        lines
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if self.live {
            say("\x1b[?25h");
        }
    }
}

fn state(seen: Seen) -> String {
    match seen {
        Seen::Open { .. } => format!("{:<26}", "connects"),
        Seen::Blocked { .. } => format!("\x1b[1;31m{:<26}\x1b[0m", "blocked"),
        Seen::Unknown => format!("\x1b[2m{:<26}\x1b[0m", "…"),
    }
}

fn spell(time: Time) -> String {
    match time {
        Time::Took(took) => format!("{} ms", took.as_millis()),
        Time::After(after) => format!("+ {} ms", after.as_millis()),
    }
}

/// Exactly so many characters.
fn pad(text: &str, room: usize) -> String {
    let short = cut(text, room);
    let missing = room.saturating_sub(short.chars().count());
    short + &" ".repeat(missing + 1)
}

fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}

fn paint(text: &str, room: usize, style: &str) -> String {
    format!("\x1b[{style}m{}\x1b[0m", cut(text, room))
}

/// Columns and rows.
fn size() -> (usize, usize) {
    let size = rustix::termios::tcgetwinsize(std::io::stdout());
    let (columns, rows) = size.map_or((80, 24), |size| (size.ws_col.into(), size.ws_row.into()));
    // A terminal that does not tell its size says 0.
    (
        usize::clamp(columns, 40, WIDEST),
        if rows == 0 { 24 } else { rows },
    )
}

/// A reader that went away does not stop the demo.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        tracing::debug!(%error, "nobody reads");
    }
}
