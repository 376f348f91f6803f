//! The directives: where each may stand, what may be written, and what it means to [`super::config`].

use std::ffi::{CStr, OsStr, c_char, c_void};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::ptr::null_mut;

use ngx::core::{NGX_CONF_ERROR, NGX_CONF_OK, Status};
use ngx::ffi::{
    NGX_CONF_NOARGS, NGX_CONF_TAKE1, NGX_CONF_TAKE2, NGX_CONF_TAKE3, NGX_HTTP_LIF_CONF, NGX_HTTP_LOC_CONF,
    NGX_HTTP_LOC_CONF_OFFSET, NGX_HTTP_MAIN_CONF, NGX_HTTP_MAIN_CONF_OFFSET, NGX_HTTP_SRV_CONF,
    NGX_LOG_EMERG, NGX_LOG_WARN, ngx_command_t, ngx_conf_full_name, ngx_conf_t, ngx_int_t, ngx_parse_time,
    ngx_str_t, ngx_uint_t,
};
use ngx::http::{HttpModuleLocationConf as _, HttpModuleMainConf as _, NgxHttpCoreModule};

use super::config::{Location, Main, Way};
use super::{Vigie, guarded, metrics};
use crate::challenge::captcha::{Captcha, Provider};
use crate::challenge::work::{LEAST_BITS, MOST_BITS};
use crate::challenge::{MAX_TEMPLATE, Page, Secret};

/// In http, server, location, and in an `if` within it.
const ANYWHERE: u32 = NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_HTTP_LIF_CONF;
/// Of a file's mode.
const OTHERS_READ: u32 = 0o004;
/// Longest secret, in bytes.
const MAX_SECRET: usize = 4_096;

type Setter = unsafe extern "C" fn(*mut ngx_conf_t, *mut ngx_command_t, *mut c_void) -> *mut c_char;

const fn command(name: ngx_str_t, place: u32, set: Setter) -> ngx_command_t {
    ngx_command_t {
        name,
        type_: place as ngx_uint_t,
        set: Some(set),
        conf: if place & NGX_HTTP_LOC_CONF == 0 {
            NGX_HTTP_MAIN_CONF_OFFSET
        } else {
            NGX_HTTP_LOC_CONF_OFFSET
        },
        offset: 0,
        post: null_mut(),
    }
}

pub(super) static mut COMMANDS: [ngx_command_t; 11] = [
    command(ngx::ngx_string!("vigie"), ANYWHERE | NGX_CONF_TAKE1, set_on),
    command(
        ngx::ngx_string!("vigie_table"),
        ANYWHERE | NGX_CONF_TAKE1,
        set_table,
    ),
    command(
        ngx::ngx_string!("vigie_status"),
        ANYWHERE | NGX_CONF_TAKE1,
        set_status,
    ),
    command(
        ngx::ngx_string!("vigie_fail"),
        ANYWHERE | NGX_CONF_TAKE1,
        set_fail,
    ),
    command(
        ngx::ngx_string!("vigie_challenge_bits"),
        ANYWHERE | NGX_CONF_TAKE1,
        set_bits,
    ),
    command(
        ngx::ngx_string!("vigie_challenge_page"),
        ANYWHERE | NGX_CONF_TAKE1,
        set_page,
    ),
    command(
        ngx::ngx_string!("vigie_captcha"),
        ANYWHERE | NGX_CONF_TAKE1 | NGX_CONF_TAKE2 | NGX_CONF_TAKE3,
        set_captcha,
    ),
    command(
        ngx::ngx_string!("vigie_challenge_window"),
        NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1,
        set_window,
    ),
    command(
        ngx::ngx_string!("vigie_challenge_secret"),
        NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1,
        set_secret,
    ),
    command(
        ngx::ngx_string!("vigie_metrics"),
        NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
        set_metrics,
    ),
    ngx_command_t::empty(),
];

/// What is wrong with a directive. nginx adds its name, file and line.
enum Wrong {
    /// In words that never change.
    Always(&'static CStr),
    /// In words of this moment.
    Now(String),
}

// === What each means ===

unsafe extern "C" fn set_on(cf: *mut ngx_conf_t, _: *mut ngx_command_t, conf: *mut c_void) -> *mut c_char {
    set(cf, conf, |location: &mut Location, text| {
        let on = match text {
            b"on" => true,
            b"off" => false,
            _ => return Err(Wrong::Always(c"is neither \"on\" nor \"off\"")),
        };
        once(&mut location.on, on)
    })
}

unsafe extern "C" fn set_table(cf: *mut ngx_conf_t, _: *mut ngx_command_t, conf: *mut c_void) -> *mut c_char {
    set(cf, conf, |location: &mut Location, text| {
        let path = full_path(cf, text, Prefix::Nginx)?;
        let index = main(cf)?.index_of(&path);
        once(&mut location.table, index)
    })
}

unsafe extern "C" fn set_status(
    cf: *mut ngx_conf_t,
    _: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    set(cf, conf, |location: &mut Location, text| {
        let status = number(text).filter(|status| (400..=599).contains(status));
        let status = status.ok_or(Wrong::Always(c"is not a status from 400 to 599"))?;
        once(&mut location.status, status)
    })
}

unsafe extern "C" fn set_fail(cf: *mut ngx_conf_t, _: *mut ngx_command_t, conf: *mut c_void) -> *mut c_char {
    set(cf, conf, |location: &mut Location, text| {
        let closed = match text {
            b"open" => false,
            b"closed" => true,
            _ => return Err(Wrong::Always(c"is neither \"open\" nor \"closed\"")),
        };
        once(&mut location.fail_closed, closed)
    })
}

unsafe extern "C" fn set_bits(cf: *mut ngx_conf_t, _: *mut ngx_command_t, conf: *mut c_void) -> *mut c_char {
    set(cf, conf, |location: &mut Location, text| {
        let bits = number(text).filter(|bits| (LEAST_BITS..=MOST_BITS).contains(bits));
        let bits =
            bits.ok_or_else(|| Wrong::Now(format!("is not a number from {LEAST_BITS} to {MOST_BITS}")))?;
        once(&mut location.bits, bits)
    })
}

unsafe extern "C" fn set_page(cf: *mut ngx_conf_t, _: *mut ngx_command_t, conf: *mut c_void) -> *mut c_char {
    set(cf, conf, |location: &mut Location, text| {
        let path = full_path(cf, text, Prefix::Configuration)?;
        let named =
            |what: &dyn std::fmt::Display| Wrong::Now(format!("names {}, which {what}", path.display()));
        let page = Page::new(&read(&path, MAX_TEMPLATE)?).map_err(|error| named(&error))?;
        let pages = &mut main(cf)?.pages;
        pages.push(page);
        once(&mut location.page, pages.len().saturating_sub(1))
    })
}

unsafe extern "C" fn set_captcha(
    cf: *mut ngx_conf_t,
    _: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    set_all(cf, conf, |location: &mut Location, texts| {
        let wrong =
            || Wrong::Always(c"is neither \"off\" nor turnstile, hcaptcha or recaptcha with a site key");
        let mut texts = texts
            .iter()
            .map(|text| std::str::from_utf8(text).map_err(|_| wrong()));
        let provider = texts.next().ok_or_else(wrong)??;
        let (site_key, script) = (texts.next().transpose()?, texts.next().transpose()?);
        let way = match (provider, site_key) {
            ("off", None) => Way::Work,
            (provider, Some(site_key)) => {
                let provider = Provider::named(provider).ok_or_else(wrong)?;
                let captcha = Captcha::new(provider, site_key, script);
                let captcha = captcha.ok_or(Wrong::Always(
                    c"has a site key or an address that no page may hold",
                ))?;
                let captchas = &mut main(cf)?.captchas;
                captchas.push(captcha);
                Way::Captcha(captchas.len().saturating_sub(1))
            }
            _ => return Err(wrong()),
        };
        once(&mut location.way, way)
    })
}

unsafe extern "C" fn set_window(
    cf: *mut ngx_conf_t,
    _: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    set(cf, conf, |main: &mut Main, text| {
        let mut text = ngx_str_t {
            len: text.len(),
            data: text.as_ptr().cast_mut(),
        };
        // SAFETY: it only reads, within the length.
        let seconds = unsafe { ngx_parse_time(&raw mut text, 1) };
        let seconds = u64::try_from(seconds).ok();
        let seconds = seconds.filter(|seconds| (60..=86_400).contains(seconds));
        let seconds = seconds.ok_or(Wrong::Always(c"is not a time from 1m to 1d"))?;
        once(&mut main.window_secs, seconds)
    })
}

unsafe extern "C" fn set_secret(
    cf: *mut ngx_conf_t,
    _: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    set(cf, conf, |main: &mut Main, text| {
        let path = full_path(cf, text, Prefix::Configuration)?;
        let wrong = |what: &str| Wrong::Now(format!("names {}, which {what}", path.display()));
        let bytes = read(&path, MAX_SECRET)?;
        if bytes.len() > MAX_SECRET {
            return Err(wrong("is longer than 4096 bytes"));
        }
        let secret = Secret::from_file(&bytes).ok_or_else(|| wrong("holds less than 16 bytes"))?;
        if std::fs::metadata(&path).is_ok_and(|file| file.mode() & OTHERS_READ != 0) {
            ngx::ngx_conf_log_error!(
                NGX_LOG_WARN,
                cf,
                "vigie: {}: anybody on this machine may read it, and make cookies with it",
                path.display()
            );
        }
        once(&mut main.secret, secret)
    })
}

unsafe extern "C" fn set_metrics(cf: *mut ngx_conf_t, _: *mut ngx_command_t, _: *mut c_void) -> *mut c_char {
    guarded(NGX_CONF_ERROR.cast(), || {
        // SAFETY: nginx calls us within a location, where its core module has a place.
        match NgxHttpCoreModule::location_conf_mut(unsafe { &*cf }) {
            Some(core) => {
                core.handler = Some(metrics::content);
                NGX_CONF_OK.cast()
            }
            None => NGX_CONF_ERROR.cast(),
        }
    })
}

// === How they are read ===

/// Hands the one argument of a directive to `work`, and what it says to nginx.
fn set<T>(
    cf: *mut ngx_conf_t,
    conf: *mut c_void,
    work: impl FnOnce(&mut T, &[u8]) -> Result<(), Wrong>,
) -> *mut c_char {
    set_all(cf, conf, |place, texts| {
        work(place, texts.first().copied().unwrap_or_default())
    })
}

/// Hands all arguments of a directive to `work`, and what it says to nginx.
fn set_all<T>(
    cf: *mut ngx_conf_t,
    conf: *mut c_void,
    work: impl FnOnce(&mut T, &[&[u8]]) -> Result<(), Wrong>,
) -> *mut c_char {
    guarded(NGX_CONF_ERROR.cast(), || {
        // SAFETY: the arguments are nginx's own, the name first, and `conf` is what create_loc_conf or create_main_conf,
        // as the command says, made for here.
        let (place, arguments) =
            unsafe { (conf.cast::<T>().as_mut(), (*(*cf).args).as_slice::<ngx_str_t>()) };
        let all: Vec<&[u8]> = arguments.iter().map(ngx_str_t::as_bytes).collect();
        let Some((name, texts)) = all.split_first() else {
            return NGX_CONF_ERROR.cast();
        };
        match place.map(|place| work(place, texts)) {
            Some(Ok(())) => NGX_CONF_OK.cast(),
            Some(Err(Wrong::Always(reason))) => reason.as_ptr().cast_mut(),
            Some(Err(Wrong::Now(reason))) => {
                let name = String::from_utf8_lossy(name);
                ngx::ngx_conf_log_error!(NGX_LOG_EMERG, cf, "\"{name}\" directive {reason}");
                NGX_CONF_ERROR.cast()
            }
            None => NGX_CONF_ERROR.cast(),
        }
    })
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Wrong> {
    match place.replace(value) {
        Some(_) => Err(Wrong::Always(c"is duplicate")),
        None => Ok(()),
    }
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn main(cf: *mut ngx_conf_t) -> Result<&'static mut Main, Wrong> {
    // SAFETY: nginx calls us within its http block, where our main configuration stands, and one directive at a time.
    Vigie::main_conf_mut(unsafe { &*cf }).ok_or(Wrong::Always(c"stands outside of http"))
}

/// Where a relative path begins.
#[derive(Clone, Copy)]
enum Prefix {
    Nginx = 0,
    Configuration = 1,
}

fn full_path(cf: *mut ngx_conf_t, text: &[u8], prefix: Prefix) -> Result<PathBuf, Wrong> {
    let mut name = ngx_str_t {
        len: text.len(),
        data: text.as_ptr().cast_mut(),
    };
    // SAFETY: `cf` and its cycle are nginx's own; it makes a new string where it has to change this one.
    let path = unsafe {
        if ngx_conf_full_name((*cf).cycle, &raw mut name, prefix as ngx_uint_t)
            != ngx_int_t::from(Status::NGX_OK)
        {
            return Err(Wrong::Always(c"is too long"));
        }
        name.as_bytes()
    };
    Ok(PathBuf::from(OsStr::from_bytes(path)))
}

/// A file of the administrator's, and not more of it than one byte beyond `limit`.
fn read(path: &Path, limit: usize) -> Result<Vec<u8>, Wrong> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let wrong = |what: &dyn std::fmt::Display| Wrong::Now(format!("names {}: {what}", path.display()));
    // Of devices everybody knows what they hold, and a pipe would have us wait.
    if !std::fs::metadata(path).map_err(|error| wrong(&error))?.is_file() {
        return Err(wrong(&"it is not a file"));
    }
    let whole = std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    whole.map(|_| bytes).map_err(|error| wrong(&error))
}
