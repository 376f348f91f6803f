//! `$vigie` and `$vigie_origin`, for logs and decisions of the administrator's, and `$vigie_throttle`, for nginx's own limits.

use ngx::core::Status;
use ngx::ffi::{
    NGX_HTTP_VAR_NOCACHEABLE, ngx_conf_t, ngx_http_add_variable, ngx_http_request_t,
    ngx_http_variable_value_t, ngx_int_t, ngx_pnalloc, ngx_uint_t,
};
use ngx::http::HttpModuleLocationConf as _;
use vigie_bouncer_origin::Origin;

use super::config::Location;
use super::handler::{Seen, seen};
use super::{Vigie, guarded};
use crate::table::Remediation;

type Getter =
    unsafe extern "C" fn(*mut ngx_http_request_t, *mut ngx_http_variable_value_t, usize) -> ngx_int_t;

/// Asked anew wherever they stand: a redirect within nginx leads to a place that may name another table, or none.
const EACH_TIME: ngx_uint_t = NGX_HTTP_VAR_NOCACHEABLE as ngx_uint_t;

/// Tells nginx of them.
pub(super) fn add(cf: *mut ngx_conf_t) -> Option<()> {
    let all: [(_, Getter); 3] = [
        (ngx::ngx_string!("vigie"), word),
        (ngx::ngx_string!("vigie_origin"), origin),
        (ngx::ngx_string!("vigie_throttle"), throttle),
    ];
    for (mut name, get) in all {
        // SAFETY: nginx hands us its own configuration, and copies the name.
        let variable = unsafe { ngx_http_add_variable(cf, &raw mut name, EACH_TIME).as_mut()? };
        variable.get_handler = Some(get);
    }
    Some(())
}

/// What the table says of the client, also where `vigie` is off. Empty if it says nothing.
unsafe extern "C" fn word(
    request: *mut ngx_http_request_t,
    value: *mut ngx_http_variable_value_t,
    _: usize,
) -> ngx_int_t {
    let word = guarded(None, || seen(request, location(request)?)?.words.strongest());
    still(value, word.map_or("", Remediation::name))
}

/// Who decided that. Empty if nobody did.
unsafe extern "C" fn origin(
    request: *mut ngx_http_request_t,
    value: *mut ngx_http_variable_value_t,
    _: usize,
) -> ngx_int_t {
    let origin = guarded(None, || {
        let words = seen(request, location(request)?)?.words;
        let word = words.strongest().filter(|word| *word != Remediation::Pass)?;
        words.origin(word)
    });
    still(value, origin.map_or("", Origin::name))
}

/// The network of a client that is to be throttled, else nothing: nginx's limits leave out what has no key. Nothing
/// where `vigie` is off.
unsafe extern "C" fn throttle(
    request: *mut ngx_http_request_t,
    value: *mut ngx_http_variable_value_t,
    _: usize,
) -> ngx_int_t {
    let key = guarded(None, || {
        let location = location(request).filter(|location| location.is_on())?;
        let Seen { client, words } = seen(request, location)?;
        words
            .throttle()
            .then(|| crate::challenge::network(client).to_string())
    });
    let Some(key) = key else {
        return still(value, "");
    };
    // SAFETY: the request is live, so its pool is, and the memory has room for the key.
    unsafe {
        let place = ngx_pnalloc((*request).pool, key.len()).cast::<u8>();
        if place.is_null() {
            return Status::NGX_ERROR.into();
        }
        std::ptr::copy_nonoverlapping(key.as_ptr(), place, key.len());
        set(value, place, key.len())
    }
}

fn location(request: *mut ngx_http_request_t) -> Option<&'static Location> {
    // SAFETY: nginx hands us a live request.
    Vigie::location_conf(unsafe { &*request })
}

/// A text that is never freed.
fn still(value: *mut ngx_http_variable_value_t, text: &'static str) -> ngx_int_t {
    // SAFETY: it lives for ever.
    unsafe { set(value, text.as_ptr().cast_mut(), text.len()) }
}

/// The text has to live as long as the request.
unsafe fn set(value: *mut ngx_http_variable_value_t, text: *mut u8, length: usize) -> ngx_int_t {
    // SAFETY: the value is nginx's.
    let Some(value) = (unsafe { value.as_mut() }) else {
        return Status::NGX_ERROR.into();
    };
    value.set_len(u32::try_from(length).unwrap_or(0));
    value.set_valid(1);
    value.set_no_cacheable(0);
    value.set_not_found(0);
    value.data = text;
    Status::NGX_OK.into()
}
