//! The half inside nginx: what nginx loads, asks for its configuration, and calls for every request.
//!
//! Before: a request, its client's address already set right by nginx's realip module. After: nginx's next handler,
//! or the refusal. The only place of the house with unsafe code, all of it at the border to C. One thread a worker, so
//! nothing here locks; and no panic crosses the border ([`guarded`]): a worker that fails lets clients in.
//! Deliberately absent: runtimes, threads, and anything that waits.
#![expect(unsafe_code, reason = "nginx is written in C")]

mod answer;
mod config;
mod directives;
mod handler;
mod metrics;
mod shared;
mod variables;

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{addr_of, addr_of_mut};

use ngx::core::Status;
use ngx::ffi::{
    NGX_HTTP_MODULE, NGX_LOG_EMERG, ngx_array_push, ngx_conf_t, ngx_http_handler_pt, ngx_http_module_t,
    ngx_http_phases_NGX_HTTP_ACCESS_PHASE, ngx_int_t, ngx_module_t, ngx_uint_t,
};
use ngx::http::{HttpModule, HttpModuleLocationConf, HttpModuleMainConf, NgxHttpCoreModule};

use config::{Location, Main};
use shared::Shared;

/// The module, as Rust names it.
struct Vigie;

// === What nginx looks for when it loads us ===

static CONTEXT: ngx_http_module_t = ngx_http_module_t {
    preconfiguration: Some(Vigie::preconfiguration),
    postconfiguration: Some(Vigie::postconfiguration),
    create_main_conf: Some(Vigie::create_main_conf),
    init_main_conf: None,
    create_srv_conf: None,
    merge_srv_conf: None,
    create_loc_conf: Some(Vigie::create_loc_conf),
    merge_loc_conf: Some(config::merge),
};

/// nginx numbers its modules in here.
#[expect(non_upper_case_globals, reason = "nginx prints and compares this name")]
static mut ngx_http_vigie_module: ngx_module_t = ngx_module_t {
    ctx: addr_of!(CONTEXT).cast::<c_void>().cast_mut(),
    commands: addr_of_mut!(directives::COMMANDS).cast(),
    type_: NGX_HTTP_MODULE as ngx_uint_t,
    ..ngx_module_t::default()
};

ngx::ngx_modules!(ngx_http_vigie_module);

// === impl Vigie ===

impl HttpModule for Vigie {
    fn module() -> &'static ngx_module_t {
        // SAFETY: nginx writes its numbers while it loads modules, before it calls any of us, and never again.
        unsafe { &*addr_of!(ngx_http_vigie_module) }
    }

    /// Adds our variables.
    unsafe extern "C" fn preconfiguration(cf: *mut ngx_conf_t) -> ngx_int_t {
        let added = variables::add(cf).map_or(Status::NGX_ERROR, |()| Status::NGX_OK);
        added.into()
    }

    /// Takes our place in the access phase, and reads the tables for the first time: the workers, which come
    /// later, begin with these, and `nginx -t` tells what is wrong with them. Where there is a table there is also what
    /// the workers share.
    unsafe extern "C" fn postconfiguration(cf: *mut ngx_conf_t) -> ngx_int_t {
        guarded(Status::NGX_ERROR.into(), || {
            // SAFETY: nginx hands us its own configuration, in which its core module has a place.
            let place = unsafe {
                let core = NgxHttpCoreModule::main_conf_mut(&*cf);
                let phase = core.and_then(|core| {
                    core.phases
                        .get_mut(ngx_http_phases_NGX_HTTP_ACCESS_PHASE as usize)
                });
                phase.and_then(|phase| {
                    ngx_array_push(&raw mut phase.handlers)
                        .cast::<ngx_http_handler_pt>()
                        .as_mut()
                })
            };
            let Some(place) = place else {
                return Status::NGX_ERROR.into();
            };
            *place = Some(handler::access);
            // SAFETY: as above.
            if let Some(main) = Vigie::main_conf_mut(unsafe { &*cf }) {
                if main.watches.is_empty() {
                    return Status::NGX_OK.into();
                }
                if !main.captchas.is_empty() && main.secret.is_none() {
                    ngx::ngx_conf_log_error!(
                        NGX_LOG_EMERG,
                        cf,
                        "\"vigie_captcha\" needs a \"vigie_challenge_secret\", which the daemon has as well"
                    );
                    return Status::NGX_ERROR.into();
                }
                main.zone = Shared::zone(cf, addr_of_mut!(ngx_http_vigie_module).cast());
                if main.zone.is_none() {
                    return Status::NGX_ERROR.into();
                }
                main.read_all(cf);
            }
            Status::NGX_OK.into()
        })
    }
}

// SAFETY: create_main_conf makes exactly this type.
unsafe impl HttpModuleMainConf for Vigie {
    type MainConf = Main;
}

// SAFETY: create_loc_conf makes exactly this type.
unsafe impl HttpModuleLocationConf for Vigie {
    type LocationConf = Location;
}

/// Runs what must not panic into C; if it does all the same, this is the answer. The panic's message is on standard
/// error by then, which is nginx's error log.
fn guarded<T>(otherwise: T, work: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(otherwise)
}
