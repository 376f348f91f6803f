//! One request: what is to happen to its client? Before: nginx's realip module. After: the next handler of the phase.
//!
//! For clients that the table does not name no allocation and no system call, except for one look at the table's file a
//! second. Where it goes wrong, the client is let in, or refused if the configuration says `vigie_fail closed`.

use std::ffi::c_void;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ngx::core::Status;
use ngx::ffi::{
    AF_INET, AF_INET6, CLOCK_BOOTTIME, NGX_LOG_INFO, clock_gettime, ngx_cached_time,
    ngx_http_finalize_request, ngx_http_request_t, ngx_int_t, ngx_log_t, ngx_pool_cleanup_add, sockaddr_in,
    sockaddr_in6, timespec,
};
use ngx::http::{HttpModuleLocationConf as _, HttpModuleMainConf as _, Method, Request};
use vigie_bouncer_origin::Origin;

use super::answer::{Answer, Kind};
use super::config::{Location, Main};
use super::shared::{NOBODY, Outcome};
use super::{Vigie, guarded};
use crate::challenge::cookie_name;
use crate::table::{Remediation, Words};
use crate::watch::Watch;

/// What is done about a request.
enum Verdict {
    LetIn,
    /// Answered with this status, as nginx and its `error_page` do it.
    Refuse(u16),
    /// Answered with this page.
    Ask(String),
}

type Cleanup = unsafe extern "C" fn(*mut c_void);

/// What is known of a request's client.
pub(super) struct Seen {
    pub(super) client: IpAddr,
    /// What the table says of him.
    pub(super) words: Words,
}

const FORBIDDEN: u16 = 403;
const UNAVAILABLE: u16 = 503;
/// What a browser took by https, which nobody can set by http nor from a site beside ours, before what anybody can.
const PREFIXES: [&[u8]; 2] = [b"__Host-", b""];
/// So many cookies of our name are tried behind each; each costs two hashes.
const MOST_COOKIES: usize = 4;

/// The access phase.
pub(super) unsafe extern "C" fn access(request: *mut ngx_http_request_t) -> ngx_int_t {
    let declined = Status::NGX_DECLINED.into();
    // SAFETY: nginx hands us a live request.
    let Some(location) = Vigie::location_conf(unsafe { &*request }).filter(|location| location.is_on())
    else {
        return declined;
    };
    let verdict = guarded(None, || verdict(request, location));
    let told = match verdict {
        Some(Verdict::LetIn) => return declined,
        None if !location.fails_closed() => return declined,
        None => i32::from(UNAVAILABLE) as ngx_int_t,
        Some(Verdict::Refuse(status)) => i32::from(status) as ngx_int_t,
        Some(Verdict::Ask(page)) => guarded(Status::NGX_ERROR.into(), || {
            let answer = Answer {
                status: FORBIDDEN,
                kind: Kind::Html,
                body: &page,
            };
            answer.send(request)
        }),
    };
    // Not returned: where the configuration says `satisfy any`, nginx would let a password overrule it.
    // SAFETY: the request is live, and NGX_DONE tells nginx that it is not its own to end any more.
    unsafe { ngx_http_finalize_request(request, told) };
    Status::NGX_DONE.into()
}

/// `None` if there is no telling.
fn verdict(request: *mut ngx_http_request_t, location: &Location) -> Option<Verdict> {
    let main = refreshed(request, location)?;
    let watch = main.watches.get(location.table?)?;
    if !watch.has_table() {
        return Some(blind(request, main, location));
    }
    // A client of a unix socket has no address.
    let Some(seen) = look_up(request, watch) else {
        return Some(Verdict::LetIn);
    };
    match seen.words.strongest() {
        None => Some(Verdict::LetIn),
        Some(word) => act(request, (main, location), &seen, word),
    }
}

/// Nobody is known.
#[cold]
fn blind(request: *mut ngx_http_request_t, main: &Main, location: &Location) -> Verdict {
    if !location.fails_closed() {
        return Verdict::LetIn;
    }
    count(request, main, (Outcome::Blind, NOBODY));
    let log = log_of(request);
    ngx::ngx_log_error!(NGX_LOG_INFO, log, "vigie: no table, so the client is refused");
    Verdict::Refuse(UNAVAILABLE)
}

/// What the table's word means here. `None` as above.
#[inline(never)]
fn act(
    request: *mut ngx_http_request_t,
    (main, location): (&Main, &Location),
    seen: &Seen,
    word: Remediation,
) -> Option<Verdict> {
    let origin = seen.words.origin(word).unwrap_or(NOBODY);
    let (outcome, verdict) = match word {
        Remediation::Pass => (Outcome::Allowed, Verdict::LetIn),
        Remediation::Throttle => (Outcome::Throttled, Verdict::LetIn),
        Remediation::Challenge => return challenge(request, (main, location), (seen.client, origin)),
        Remediation::Ban => {
            let (status, log) = (location.status(), log_of(request));
            ngx::ngx_log_error!(
                NGX_LOG_INFO,
                log,
                "vigie: a client banned by {origin} is answered {status}"
            );
            (Outcome::Refused, Verdict::Refuse(status))
        }
    };
    count(request, main, (outcome, origin));
    Some(verdict)
}

/// Once a request: where nginx redirects it within itself (`index`, `try_files`, `error_page`) it comes by again, and
/// is judged again, as another place may say something else.
fn count(request: *mut ngx_http_request_t, main: &Main, (outcome, origin): (Outcome, Origin)) {
    if let Some(shared) = main.shared().filter(|_| is_first(request)) {
        shared.count(outcome, origin);
    }
}

/// Notes that the request came by, where no redirect wipes it out: among what nginx clears away with the request.
fn is_first(request: *mut ngx_http_request_t) -> bool {
    unsafe extern "C" fn noted(_: *mut c_void) {}
    // SAFETY: the request is live, so its pool is, whose list of what to clear away is nginx's own.
    unsafe {
        let mut next = (*(*request).pool).cleanup;
        while let Some(cleanup) = next.as_ref() {
            if cleanup
                .handler
                .is_some_and(|handler| std::ptr::fn_addr_eq(handler, noted as Cleanup))
            {
                return false;
            }
            next = cleanup.next;
        }
        if let Some(cleanup) = ngx_pool_cleanup_add((*request).pool, 0).as_mut() {
            cleanup.handler = Some(noted);
        }
    }
    true
}

/// Has the client worked? Else he is asked to, if he wants a page; who sends something is refused.
fn challenge(
    request: *mut ngx_http_request_t,
    (main, location): (&Main, &Location),
    (client, origin): (IpAddr, Origin),
) -> Option<Verdict> {
    let challenge = main.challenge(location, client, seconds_since_1970())?;
    let count = |outcome| count(request, main, (outcome, origin));
    // SAFETY: the request is live.
    let request: &Request = unsafe { Request::from_ngx_http_request(request) };
    let tries = |prefix: &'static [u8]| cookies(request, prefix, cookie_name(client)).take(MOST_COOKIES);
    let mut tries = PREFIXES.into_iter().flat_map(tries);
    let worked = tries.any(|cookie| challenge.is_met(cookie));
    if worked {
        count(Outcome::Worked);
        return Some(Verdict::LetIn);
    }
    count(Outcome::Asked);
    ngx::ngx_log_error!(NGX_LOG_INFO, request.log(), "vigie: a client is challenged");
    if ![Method::GET, Method::HEAD].contains(&request.method()) {
        return Some(Verdict::Refuse(FORBIDDEN));
    }
    let page = main.page(location, challenge.asks);
    Some(Verdict::Ask(page.render(&challenge)))
}

/// The values of all cookies of this name behind this prefix.
fn cookies<'a>(request: &'a Request, prefix: &'a [u8], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let headers = request.headers_in_iterator();
    let headers = headers.filter(|(key, _)| key.as_bytes().eq_ignore_ascii_case(b"cookie"));
    let all = headers.flat_map(|(_, value)| value.as_bytes().split(|byte| *byte == b';'));
    all.filter_map(move |cookie| {
        let cookie = cookie.trim_ascii().strip_prefix(prefix)?;
        cookie.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
    })
}

/// What is known of this request's client, wherever it is asked. `None` where no table is named, or it has no address.
pub(super) fn seen(request: *mut ngx_http_request_t, location: &Location) -> Option<Seen> {
    let main = refreshed(request, location)?;
    look_up(request, main.watches.get(location.table?)?)
}

/// The configuration, with the table of this place as new as it can be had.
#[inline]
fn refreshed(request: *mut ngx_http_request_t, location: &Location) -> Option<&'static Main> {
    // SAFETY: the request is live. A worker has one thread, and nobody else holds this while we are in here.
    let main: &'static mut Main = Vigie::main_conf_mut(unsafe { &*request })?;
    main.refresh_one(location.table?, || log_of(request))?;
    Some(main)
}

fn look_up(request: *mut ngx_http_request_t, watch: &Watch) -> Option<Seen> {
    let client = client(request)?;
    let words = watch.table().look_up(client, seconds);
    Some(Seen { client, words })
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

/// As the wall clock has it: several machines may share the secret of a challenge, and have no boot in common.
fn seconds_since_1970() -> u64 {
    // SAFETY: nginx sets it before it serves, and changes it in this thread only.
    let now = unsafe { ngx_cached_time.as_ref() };
    now.map_or(0, |now| u64::try_from(now.sec).unwrap_or(0))
}

pub(super) fn log_of(request: *mut ngx_http_request_t) -> *mut ngx_log_t {
    // SAFETY: the request is live, so its connection is, and that always has a log.
    unsafe { (*(*request).connection).log }
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
