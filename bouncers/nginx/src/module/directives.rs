//! The directives `vigie`, `vigie_table` and `vigie_status`: what may be written, and what it means further in.
//!
//! Each may stand in http, server, location, and in an `if` within it; what is not said is taken from further out.

use std::ffi::{CStr, OsStr, c_char, c_void};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr::null_mut;

use ngx::core::{NGX_CONF_ERROR, NGX_CONF_OK, Status};
use ngx::ffi::{
    NGX_CONF_TAKE1, NGX_HTTP_LIF_CONF, NGX_HTTP_LOC_CONF, NGX_HTTP_LOC_CONF_OFFSET, NGX_HTTP_MAIN_CONF,
    NGX_HTTP_SRV_CONF, NGX_LOG_EMERG, NGX_LOG_WARN, ngx_command_t, ngx_conf_full_name, ngx_conf_t, ngx_int_t,
    ngx_str_t, ngx_uint_t,
};
use ngx::http::HttpModuleMainConf as _;

use super::{Vigie, guarded};
use crate::watch::{News, Watch};

/// All tables that the configuration names, each once.
#[derive(Debug, Default)]
pub(super) struct Main {
    pub(super) watches: Vec<Watch>,
}

/// What holds in one place of the configuration.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Location {
    on: Option<bool>,
    /// Index into [`Main::watches`].
    pub(super) table: Option<usize>,
    status: Option<u16>,
}

const FORBIDDEN: u16 = 403;

// === What nginx reads ===

const ANYWHERE: ngx_uint_t =
    (NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_HTTP_LIF_CONF) as ngx_uint_t;

const fn command(
    name: ngx_str_t,
    set: unsafe extern "C" fn(*mut ngx_conf_t, *mut ngx_command_t, *mut c_void) -> *mut c_char,
) -> ngx_command_t {
    ngx_command_t {
        name,
        type_: ANYWHERE | NGX_CONF_TAKE1 as ngx_uint_t,
        set: Some(set),
        conf: NGX_HTTP_LOC_CONF_OFFSET,
        offset: 0,
        post: null_mut(),
    }
}

pub(super) static mut COMMANDS: [ngx_command_t; 4] = [
    command(ngx::ngx_string!("vigie"), set_on),
    command(ngx::ngx_string!("vigie_table"), set_table),
    command(ngx::ngx_string!("vigie_status"), set_status),
    ngx_command_t::empty(),
];

unsafe extern "C" fn set_on(cf: *mut ngx_conf_t, _: *mut ngx_command_t, conf: *mut c_void) -> *mut c_char {
    set(cf, conf, |location, text| {
        let on = match text {
            b"on" => true,
            b"off" => false,
            _ => return Err(c"is neither \"on\" nor \"off\""),
        };
        once(location.on.replace(on).is_some())
    })
}

unsafe extern "C" fn set_status(
    cf: *mut ngx_conf_t,
    _: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    set(cf, conf, |location, text| {
        let status = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        let status = status.filter(|status| (400..=599).contains(status));
        let status = status.ok_or(c"is not a status from 400 to 599")?;
        once(location.status.replace(status).is_some())
    })
}

unsafe extern "C" fn set_table(cf: *mut ngx_conf_t, _: *mut ngx_command_t, conf: *mut c_void) -> *mut c_char {
    set(cf, conf, |location, text| {
        let mut name = ngx_str_t {
            len: text.len(),
            data: text.as_ptr().cast_mut(),
        };
        // SAFETY: `cf` and its cycle are nginx's own; it makes a new string where it has to change this one.
        let path = unsafe {
            if ngx_conf_full_name((*cf).cycle, &raw mut name, 0) != ngx_int_t::from(Status::NGX_OK) {
                return Err(c"is too long");
            }
            name.as_bytes()
        };
        // SAFETY: nginx calls us within its http block, where our main configuration stands.
        let main = Vigie::main_conf_mut(unsafe { &*cf }).ok_or(c"stands outside of http")?;
        let index = main.index_of(Path::new(OsStr::from_bytes(path)));
        once(location.table.replace(index).is_some())
    })
}

/// Hands the one argument of a directive to `work`, and what it says to nginx.
fn set(
    cf: *mut ngx_conf_t,
    conf: *mut c_void,
    work: impl FnOnce(&mut Location, &[u8]) -> Result<(), &'static CStr>,
) -> *mut c_char {
    guarded(NGX_CONF_ERROR.cast(), || {
        // SAFETY: nginx has counted the arguments (NGX_CONF_TAKE1), and `conf` is what create_loc_conf made for here.
        let (location, text) = unsafe {
            let arguments = (*(*cf).args).as_slice::<ngx_str_t>();
            let text = arguments.get(1).map_or(&[][..], |text| text.as_bytes());
            (conf.cast::<Location>().as_mut(), text)
        };
        match location.map(|location| work(location, text)) {
            Some(Ok(())) => NGX_CONF_OK.cast(),
            // nginx puts the name of the directive before it, and file and line behind it.
            Some(Err(reason)) => reason.as_ptr().cast_mut(),
            None => NGX_CONF_ERROR.cast(),
        }
    })
}

fn once(again: bool) -> Result<(), &'static CStr> {
    if again { Err(c"is duplicate") } else { Ok(()) }
}

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
            location.on = location.on.or(outer.on);
            location.table = location.table.or(outer.table);
            location.status = location.status.or(outer.status);
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
    pub(super) fn is_on(&self) -> bool {
        self.on.unwrap_or(false)
    }

    pub(super) fn status(&self) -> u16 {
        self.status.unwrap_or(FORBIDDEN)
    }
}

// === impl Main ===

impl Main {
    fn index_of(&mut self, path: &Path) -> usize {
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
}
