//! What holds in one place of nginx's configuration, and what holds in all of it.
//!
//! Filled by [`super::directives`]; what a place does not say is taken from further out ([`merge`]).

use std::ffi::{c_char, c_void};
use std::net::IpAddr;
use std::path::Path;
use std::ptr::NonNull;

use ngx::core::{NGX_CONF_ERROR, NGX_CONF_OK};
use ngx::ffi::{
    NGX_LOG_EMERG, NGX_LOG_ERR, NGX_LOG_NOTICE, NGX_LOG_WARN, ngx_conf_t, ngx_current_msec, ngx_log_t,
    ngx_shm_zone_t,
};

use super::guarded;
use super::shared::Shared;
use crate::challenge::captcha::Captcha;
use crate::challenge::{Asks, Challenge, Page, Secret};
use crate::watch::{News, Watch};

/// What the whole configuration holds.
#[derive(Debug, Default)]
pub(super) struct Main {
    /// All tables that are named, each once.
    pub(super) watches: Vec<Watch>,
    /// Challenge pages that are named.
    pub(super) pages: Vec<Page>,
    /// Captchas that are named.
    pub(super) captchas: Vec<Captcha>,
    /// The pages where none is named.
    usual: Usual,
    /// In seconds.
    pub(super) window_secs: Option<u64>,
    /// Of a file; else what was drawn is used.
    pub(super) secret: Option<Secret>,
    /// Where workers count.
    pub(super) zone: Option<NonNull<ngx_shm_zone_t>>,
}

/// How clients are challenged.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Work,
    /// Index into [`Main::captchas`].
    Captcha(usize),
}

/// Our own pages.
#[derive(Debug)]
struct Usual {
    work: Page,
    captcha: Page,
}

/// What holds in one place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Location {
    pub(super) on: Option<bool>,
    /// Index into [`Main::watches`].
    pub(super) table: Option<usize>,
    pub(super) status: Option<u16>,
    pub(super) bits: Option<u8>,
    /// Index into [`Main::pages`].
    pub(super) page: Option<usize>,
    pub(super) way: Option<Way>,
    pub(super) fail_closed: Option<bool>,
}

const FORBIDDEN: u16 = 403;
/// Half a second of a desktop's time, seconds of a telephone's.
const BITS: u8 = 20;
const WINDOW_SECS: u64 = 3_600;

/// What `conf` does not say is what `outer` says.
pub(super) unsafe extern "C" fn merge(
    cf: *mut ngx_conf_t,
    outer: *mut c_void,
    conf: *mut c_void,
) -> *mut c_char {
    guarded(NGX_CONF_ERROR.cast(), || {
        // SAFETY: both are what create_loc_conf made, and not the same.
        let (outer, location) = unsafe {
            (
                outer.cast::<Location>().as_ref(),
                conf.cast::<Location>().as_mut(),
            )
        };
        if let Some((outer, location)) = outer.zip(location) {
            location.fill_from(outer);
            if location.is_on() && location.table.is_none() {
                ngx::ngx_conf_log_error!(NGX_LOG_EMERG, cf, "\"vigie on\" needs a \"vigie_table\"");
                return NGX_CONF_ERROR.cast();
            }
        }
        NGX_CONF_OK.cast()
    })
}

// === impl Location ===

impl Location {
    fn fill_from(&mut self, outer: &Self) {
        self.on = self.on.or(outer.on);
        self.table = self.table.or(outer.table);
        self.status = self.status.or(outer.status);
        self.bits = self.bits.or(outer.bits);
        self.page = self.page.or(outer.page);
        self.way = self.way.or(outer.way);
        self.fail_closed = self.fail_closed.or(outer.fail_closed);
    }

    pub(super) fn is_on(&self) -> bool {
        self.on.unwrap_or(false)
    }

    pub(super) fn status(&self) -> u16 {
        self.status.unwrap_or(FORBIDDEN)
    }

    /// Whether clients are kept out when there is no telling who they are.
    pub(super) fn fails_closed(&self) -> bool {
        self.fail_closed.unwrap_or(false)
    }
}

// === impl Usual ===

impl Default for Usual {
    fn default() -> Self {
        Self {
            work: Page::for_work(),
            captcha: Page::for_captcha(),
        }
    }
}

// === impl Main ===

impl Main {
    pub(super) fn index_of(&mut self, path: &Path) -> usize {
        if let Some(index) = self.watches.iter().position(|watch| watch.path() == path) {
            return index;
        }
        self.watches.push(Watch::new(path.to_owned()));
        self.watches.len().saturating_sub(1)
    }

    /// Reads every table, and warns of what is wrong: that a table is not there yet is no reason not to start.
    pub(super) fn read_all(&mut self, cf: *mut ngx_conf_t) {
        for watch in &mut self.watches {
            if let Some(News::Bad { reason }) = watch.refresh(0) {
                let path = watch.path().display();
                ngx::ngx_conf_log_error!(
                    NGX_LOG_WARN,
                    cf,
                    "vigie: {path}: {reason}; nobody is kept out yet"
                );
            }
        }
    }

    /// Looks at every table's file if it is time.
    pub(super) fn refresh(&mut self, log: *mut ngx_log_t) {
        for watch in &mut self.watches {
            refresh(watch, || log);
        }
    }

    /// The same of one table. `None` if there is no such table.
    #[inline]
    pub(super) fn refresh_one(&mut self, table: usize, log: impl FnOnce() -> *mut ngx_log_t) -> Option<()> {
        refresh(self.watches.get_mut(table)?, log);
        Some(())
    }

    /// What this client is asked for in this place.
    pub(super) fn challenge(
        &self,
        location: &Location,
        client: IpAddr,
        now_secs: u64,
    ) -> Option<Challenge<'_>> {
        let captcha = match location.way {
            Some(Way::Captcha(captcha)) => self.captchas.get(captcha),
            Some(Way::Work) | None => None,
        };
        let bits = location.bits.unwrap_or(BITS);
        Some(Challenge {
            secret: self.secret.as_ref().or_else(|| Some(self.shared()?.secret()))?,
            client,
            asks: captcha.map_or(Asks::Work { bits }, Asks::Captcha),
            window_secs: self.window_secs.unwrap_or(WINDOW_SECS),
            now_secs,
        })
    }

    /// The page that asks him.
    pub(super) fn page(&self, location: &Location, asks: Asks<'_>) -> &Page {
        let named = location.page.and_then(|page| self.pages.get(page));
        named.unwrap_or(match asks {
            Asks::Work { .. } => &self.usual.work,
            Asks::Captcha(_) => &self.usual.captcha,
        })
    }

    pub(super) fn shared(&self) -> Option<&Shared> {
        // SAFETY: nginx keeps the zone as long as the configuration that names it, and `Shared::prepare` put this
        // there before the first request.
        unsafe { self.zone?.as_ref().data.cast::<Shared>().as_ref() }
    }
}

#[inline]
fn refresh(watch: &mut Watch, log: impl FnOnce() -> *mut ngx_log_t) {
    // SAFETY: nginx sets it, in this thread.
    let now_ms = unsafe { ngx_current_msec };
    if let Some(news) = watch.refresh(now_ms as u64) {
        tell(&news, watch, log());
    }
}

#[cold]
fn tell(news: &News, watch: &Watch, log: *mut ngx_log_t) {
    let path = watch.path().display();
    match news {
        News::Good { rows } => {
            ngx::ngx_log_error!(NGX_LOG_NOTICE, log, "vigie: {path}: in use, with {rows} rows");
        }
        News::Bad { reason } => {
            ngx::ngx_log_error!(
                NGX_LOG_ERR,
                log,
                "vigie: {path}: {reason}; the table from before stays"
            );
        }
    }
}
