//! The page that a challenged client gets: a template, and where it says so the script with what is to be done.

use std::fmt::Write as _;

use super::captcha::{Captcha, PATH};
use super::work::Seed;
use super::{Asks, Challenge, cookie_name};

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
/// Our own template, and where it says what is asked.
const PAGE: &str = include_str!("page.html");
const ASKS: &str = "<!--asks-->";
const ASKS_WORK: &str = "<p>Attacks came from the address that you use. Before this site opens, your browser has to compute for a \
    few seconds,\nwhich is a nuisance to those who ask for thousands of pages. You need not do anything.</p>";
const ASKS_CAPTCHA: &str = "<p>Attacks came from the address that you use. Please show that somebody is there; then this site opens.</p>";
/// The scripts: what both begin with, and the rest of each.
const BOTH: &str = include_str!("both.js");
const SOLVE: &str = include_str!("solve.js");
const HAND_IN: &str = include_str!("hand-in.js");

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

    /// Ours for clients whose browsers have to work.
    pub fn for_work() -> Self {
        Self::ours(ASKS_WORK)
    }

    /// Ours for clients who have to solve a captcha.
    pub fn for_captcha() -> Self {
        Self::ours(ASKS_CAPTCHA)
    }

    fn ours(asks: &str) -> Self {
        // Our own template holds the mark: a test looks.
        Self::new(PAGE.replace(ASKS, asks).as_bytes()).unwrap_or(Self {
            before: String::new(),
            behind: String::new(),
        })
    }

    /// The page for this client.
    pub fn render(&self, challenge: &Challenge<'_>) -> String {
        let room = self.before.len() + BOTH.len() + SOLVE.len() + self.behind.len() + 1_024;
        let mut page = String::with_capacity(room);
        page.push_str(&self.before);
        match challenge.asks {
            Asks::Work { bits } => write_work(&mut page, challenge, bits),
            Asks::Captcha(captcha) => write_captcha(&mut page, captcha),
        }
        page.push_str(&self.behind);
        page
    }
}

fn write_work(page: &mut String, challenge: &Challenge<'_>, bits: u8) {
    let (window, lasts) = (challenge.window(), challenge.lasts_secs());
    let Seed { text } = Seed::new(challenge.secret, challenge.client, window);
    let cookie = cookie_name(challenge.client);
    // Writing into a string cannot fail.
    write!(
        page,
        "<script data-seed=\"{text}\" data-bits=\"{bits}\" data-window=\"{window}\" data-cookie=\"{cookie}\" \
         data-lasts=\"{lasts}\">\n(function () {{\n{BOTH}{SOLVE}}})();\n</script>"
    )
    .unwrap_or_default();
}

fn write_captcha(page: &mut String, captcha: &Captcha) {
    let Captcha {
        provider,
        site_key,
        script,
    } = captcha;
    let class = provider.class();
    // As above.
    write!(
        page,
        "<form id=\"vigie-form\" method=\"post\" action=\"{PATH}\"><input type=\"hidden\" name=\"to\" value=\"/\">\
         <div class=\"{class}\" data-sitekey=\"{site_key}\" data-callback=\"vigieSolved\"></div></form>\
         <script>\n(function () {{\n{BOTH}{HAND_IN}}})();\n</script><script src=\"{script}\" async defer></script>"
    )
    .unwrap_or_default();
}
