//! The page that a challenged client gets: a template, and where it says so the script with what is to be solved.

use super::{Seed, Terms, cookie_name};
use std::fmt::Write as _;
use std::net::IpAddr;

/// A template, cut where the script goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    before: String,
    behind: String,
}

/// Why a text is no template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// Not a text.
    #[error("is not UTF-8")]
    Text,
    /// The script has no place, or several.
    #[error("does not hold <!--vigie--> exactly once")]
    Mark,
    /// Each worker keeps it, and each challenged client is sent it.
    #[error("is longer than 64 KiB")]
    Long,
}

/// What a template holds where the script goes.
const MARK: &str = "<!--vigie-->";
/// Longest template, in bytes.
pub const MAX_TEMPLATE: usize = 64 * 1024;
const TEMPLATE: &str = include_str!("page.html");
const SCRIPT: &str = include_str!("solve.js");

// === impl Page ===

impl Page {
    /// Of a template.
    pub fn new(template: &[u8]) -> Result<Self, PageError> {
        if template.len() > MAX_TEMPLATE {
            return Err(PageError::Long);
        }
        let template = std::str::from_utf8(template).map_err(|_| PageError::Text)?;
        let (before, behind) = template.split_once(MARK).ok_or(PageError::Mark)?;
        if behind.contains(MARK) {
            return Err(PageError::Mark);
        }
        Ok(Self {
            before: before.to_owned(),
            behind: behind.to_owned(),
        })
    }

    /// The page for a client with this to solve.
    pub fn render(&self, seed: &Seed, terms: Terms, client: IpAddr) -> String {
        let room = self.before.len() + SCRIPT.len() + self.behind.len() + 256;
        let mut page = String::with_capacity(room);
        page.push_str(&self.before);
        let Terms { bits, window_secs } = terms;
        let (Seed { window, text }, cookie) = (seed, cookie_name(client));
        let lasts = window_secs.saturating_mul(2);
        // Writing into a string cannot fail.
        write!(
            page,
            "<script data-seed=\"{text}\" data-bits=\"{bits}\" data-window=\"{window}\" \
             data-cookie=\"{cookie}\" data-lasts=\"{lasts}\">\n{SCRIPT}</script>"
        )
        .unwrap_or_default();
        page.push_str(&self.behind);
        page
    }
}

impl Default for Page {
    fn default() -> Self {
        // Our own template holds the mark: a test looks.
        Self::new(TEMPLATE.as_bytes()).unwrap_or(Self {
            before: String::new(),
            behind: String::new(),
        })
    }
}
