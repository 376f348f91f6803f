//! The demo's other processes: each ends with the demo, however the demo ends, and writes into a file of its own.
//!
//! `part::guard` asks the kernel for that, inside the child. Deliberately absent: what the processes do.

use std::fmt;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child as Process, ChildStdout, Command};

/// How long a process may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(8);
/// Lines of its output that a failure shows.
const LAST_WORDS: usize = 8;

/// A program with its arguments, not started yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line(Vec<String>);

/// A running process.
#[derive(Debug)]
pub(crate) struct Child {
    process: Process,
    journal: PathBuf,
}

// === impl Line ===

impl Line {
    pub(crate) fn new(words: &[&str]) -> Self {
        Self(words.iter().map(|word| (*word).to_owned()).collect())
    }

    /// This program.
    pub(crate) fn vigie() -> anyhow::Result<Self> {
        let this = std::env::current_exe().context("this program does not find itself")?;
        Ok(Self(vec![text(&this)?]))
    }

    /// More words.
    pub(crate) fn and(mut self, words: &[&str]) -> Self {
        self.0.extend(words.iter().map(|word| (*word).to_owned()));
        self
    }

    /// The words of another line after these.
    pub(crate) fn then(mut self, line: Self) -> Self {
        self.0.extend(line.0);
        self
    }

    /// The same, held by `part::guard`: it ends when this process ends.
    pub(crate) fn guarded(self) -> anyhow::Result<Self> {
        let parent = std::process::id().to_string();
        Ok(Self::vigie()?
            .and(&["demo-part", "guard", &parent, "--"])
            .then(self))
    }

    /// Ready to start. No setting of the caller's own node reaches it, and Ctrl-C reaches only the demo.
    pub(crate) fn command(&self) -> anyhow::Result<Command> {
        let (program, arguments) = self.0.split_first().context("an empty command line")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .process_group(0)
            .kill_on_drop(true)
            .stdin(Stdio::null());
        for setting in ["VIGIE_DATA", "VIGIE_CONFIG", "VIGIE_LOG"] {
            command.env_remove(setting);
        }
        command.env("NO_COLOR", "1");
        Ok(command)
    }

    /// Runs it to its end; its output, or what it complained about.
    pub(crate) async fn output(&self) -> anyhow::Result<String> {
        let output = self
            .command()?
            .output()
            .await
            .with_context(|| format!("cannot start {self}"))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let complaint = String::from_utf8_lossy(&output.stderr);
        anyhow::bail!("`{self}` failed: {}", complaint.trim())
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

// === impl Child ===

impl Child {
    /// Starts it; both of its outputs go to the end of the file `journal`.
    pub(crate) fn start(line: &Line, journal: &Path) -> anyhow::Result<Self> {
        let file = || OpenOptions::new().create(true).append(true).open(journal);
        let mut command = line.command()?;
        command.stdout(file()?).stderr(file()?);
        Self::spawn(command, line, journal)
    }

    /// Starts it with a pipe as its input, which says by its end that we are gone, and one as its output.
    pub(crate) fn start_part(line: &Line, journal: &Path) -> anyhow::Result<(Self, ChildStdout)> {
        let mut command = line.command()?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(OpenOptions::new().create(true).append(true).open(journal)?);
        let mut child = Self::spawn(command, line, journal)?;
        let output = child.process.stdout.take().context("a pipe is missing")?;
        Ok((child, output))
    }

    fn spawn(mut command: Command, line: &Line, journal: &Path) -> anyhow::Result<Self> {
        let process = command.spawn().with_context(|| format!("cannot start {line}"))?;
        Ok(Self {
            process,
            journal: journal.to_owned(),
        })
    }

    /// Its number. 0 once it ended.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id().unwrap_or_default()
    }

    /// What it wrote so far.
    pub(crate) fn journal(&self) -> String {
        std::fs::read_to_string(&self.journal).unwrap_or_default()
    }

    /// What it wrote last.
    pub(crate) fn last_words(&self) -> String {
        let journal = self.journal();
        let lines: Vec<&str> = journal.lines().collect();
        let from = lines.len().saturating_sub(LAST_WORDS);
        lines
            .get(from..)
            .unwrap_or_default()
            .iter()
            .map(|line| format!("    {line}\n"))
            .collect()
    }

    /// Whether it ended by itself, which no part of the demo should.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }

    /// Closes the pipe at its input, and waits until it has done what it then does.
    pub(crate) async fn finish(mut self) -> anyhow::Result<()> {
        drop(self.process.stdin.take());
        match self.process.wait().await?.success() {
            true => Ok(()),
            false => anyhow::bail!("{}", self.last_words().trim()),
        }
    }

    /// Ends it: asked first, then made to.
    pub(crate) async fn end(mut self) {
        let pid = self
            .process
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        if let Some(pid) = pid
            && kill_process(pid, Signal::TERM).is_ok()
            && tokio::time::timeout(GRACE, self.process.wait()).await.is_ok()
        {
            return;
        }
        if let Err(error) = self.process.kill().await {
            tracing::warn!(%error, "a process of the demo does not end");
        }
    }
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> anyhow::Result<String> {
    Ok(path
        .to_str()
        .with_context(|| format!("{} is not UTF-8", path.display()))?
        .to_owned())
}
