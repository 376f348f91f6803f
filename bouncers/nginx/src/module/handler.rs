//! One request: is its client to be kept out? Before: nginx's realip module. After: the next handler of the phase.
//!
//! No allocation and no system call, except for one look at the table's file a second. Whatever goes wrong, the client
//! is let in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ngx::core::Status;
use ngx::ffi::{
    AF_INET, AF_INET6, CLOCK_BOOTTIME, NGX_LOG_ERR, NGX_LOG_INFO, NGX_LOG_NOTICE, clock_gettime,
    ngx_current_msec, ngx_http_finalize_request, ngx_http_request_t, ngx_http_variable_value_t, ngx_int_t,
    ngx_log_t, sockaddr_in, sockaddr_in6, timespec,
};
use ngx::http::{HttpModuleLocationConf as _, HttpModuleMainConf as _};

use super::directives::{Location, Main};
use super::{Vigie, guarded};
use crate::table::Remediation;
use crate::watch::{News, Watch};

/// The access phase.
pub(super) unsafe extern "C" fn access(request: *mut ngx_http_request_t) -> ngx_int_t {
    let declined = Status::NGX_DECLINED.into();
    guarded(declined, || {
        // SAFETY: nginx hands us a live request.
        let Some(location) = Vigie::location_conf(unsafe { &*request }) else {
            return declined;
        };
        if !location.is_on() || word(request, location) != Some(Remediation::Ban) {
            return declined;
        }
        let (status, log) = (location.status(), log_of(request));
        ngx::ngx_log_error!(NGX_LOG_INFO, log, "vigie: a banned client is answered {status}");
        // Not returned: where the configuration says `satisfy any`, nginx would let a password overrule it.
        // SAFETY: the request is live, and NGX_DONE tells nginx that it is not its own to end any more.
        unsafe { ngx_http_finalize_request(request, i32::from(status) as ngx_int_t) };
        Status::NGX_DONE.into()
    })
}

/// `$vigie`: what the table says of the client, also where `vigie` is off. Empty if it says nothing.
pub(super) unsafe extern "C" fn variable(
    request: *mut ngx_http_request_t,
    value: *mut ngx_http_variable_value_t,
    _: usize,
) -> ngx_int_t {
    // SAFETY: nginx hands us a live request.
    let location = Vigie::location_conf(unsafe { &*request });
    let name = guarded("", || {
        let word = location.and_then(|location| word(request, location));
        word.map_or("", Remediation::name)
    });
    // SAFETY: the value is nginx's, and the name is never freed.
    let Some(value) = (unsafe { value.as_mut() }) else {
        return Status::NGX_ERROR.into();
    };
    value.set_len(u32::try_from(name.len()).unwrap_or(0));
    value.set_valid(1);
    value.set_no_cacheable(0);
    value.set_not_found(0);
    value.data = name.as_ptr().cast_mut();
    Status::NGX_OK.into()
}

/// What the table says of the client of this request.
fn word(request: *mut ngx_http_request_t, location: &Location) -> Option<Remediation> {
    // SAFETY: the request is live. A worker has one thread and we never call back into nginx while we hold this, so
    // nobody else has it.
    let main: &mut Main = Vigie::main_conf_mut(unsafe { &*request })?;
    let watch = main.watches.get_mut(location.table?)?;
    // SAFETY: nginx sets it, in this thread.
    let now_ms = unsafe { ngx_current_msec };
    if let Some(news) = watch.refresh(now_ms as u64) {
        tell(&news, watch, log_of(request));
    }
    watch.table().look_up(client(request)?, seconds())
}

/// Whole seconds since boot: `crate::clock`'s, without a system call.
fn seconds() -> u32 {
    let mut now = timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: it writes into `now` and nowhere else. It cannot fail for a clock that every Linux has; if it did, no
    // ban would be over yet.
    unsafe { clock_gettime(CLOCK_BOOTTIME.cast_signed(), &raw mut now) };
    u32::try_from(now.tv_sec).unwrap_or(u32::MAX)
}

fn log_of(request: *mut ngx_http_request_t) -> *mut ngx_log_t {
    // SAFETY: the request is live, so its connection is, and that always has a log.
    unsafe { (*(*request).connection).log }
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

/// Its address, as realip left it. Nothing for clients of a unix socket.
#[expect(
    clippy::cast_ptr_alignment,
    reason = "nginx keeps every address in memory that is aligned for all families"
)]
fn client(request: *mut ngx_http_request_t) -> Option<IpAddr> {
    // SAFETY: the request is live, and its address is of the family that it names.
    unsafe {
        let address = (*(*request).connection).sockaddr;
        match u32::from(address.as_ref()?.sa_family) {
            AF_INET => {
                let v4 = &*address.cast::<sockaddr_in>();
                Some(IpAddr::V4(Ipv4Addr::from_bits(u32::from_be(v4.sin_addr.s_addr))))
            }
            AF_INET6 => {
                let v6 = &*address.cast::<sockaddr_in6>();
                Some(IpAddr::V6(Ipv6Addr::from(v6.sin6_addr.__in6_u.__u6_addr8)))
            }
            _ => None,
        }
    }
}
