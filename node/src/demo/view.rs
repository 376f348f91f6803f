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
            details
                .iter()
                .for_each(|detail| say(&format!("{:>12}    {detail}\n", "")));
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
        self.draw();
        if self.live {
            self.live = false;
            say("\x1b[?25h\n");
        }
    }

    fn draw(&mut self) {
        if !self.live {
            return;
        }
        let width = width();
        let mut picture = vec![String::new(), paint(&self.title, width, "1"), String::new()];
        for step in &self.steps {
            picture.extend(self.step(step, width));
        }
        picture.extend(self.table(width));
        let up = if self.drawn_lines > 0 {
            format!("\x1b[{}A", self.drawn_lines)
        } else {
            String::new()
        };
        let lines: String = picture.iter().map(|line| format!("\x1b[2K{line}\n")).collect();
        say(&format!("\x1b[?25l{up}\r{lines}\x1b[J"));
        self.drawn_lines = picture.len();
        self.drawn_at = Some(Instant::now());
    }

    fn step(&self, step: &Step, width: usize) -> Vec<String> {
        let (mark, time) = match step.time {
            Some(time) => ("\x1b[32m✓\x1b[0m", spell(time)),
            None => (SPINNER[self.frame % SPINNER.len()], String::new()),
        };
        let room = width.saturating_sub(4 + 13);
        let mut lines = vec![format!(
            "  {mark} {}\x1b[2m{time:>12}\x1b[0m",
            pad(&step.text, room)
        )];
        lines.extend(
            step.details
                .iter()
                .map(|detail| paint(&format!("      {detail}"), width, "2")),
        );
        lines
    }

    fn table(&self, width: usize) -> Vec<String> {
        let Some([attacker, innocent]) = self.outside.filter(|_| !self.rows.is_empty()) else {
            return Vec::new();
        };
        let head = format!("    {:<16}{:<20}{:<20}", "firewall of", attacker, innocent);
        let mut lines = vec![String::new(), paint(&head, width, "2")];
        lines.extend(self.rows.iter().map(|row| {
            let [attacker, innocent] = [attacker, innocent].map(|address| state(row.gate.seen_from(address)));
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
        Seen::Open { .. } => format!("{:<20}", "connects"),
        Seen::Blocked { .. } => format!("\x1b[1;31m{:<20}\x1b[0m", "blocked"),
        Seen::Unknown => format!("\x1b[2m{:<20}\x1b[0m", "…"),
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

fn width() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stdout());
    size.map_or(80, |size| usize::from(size.ws_col)).clamp(40, WIDEST)
}

/// A reader that went away does not stop the demo.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        tracing::debug!(%error, "nobody reads");
    }
}
