//! `vigie_metrics`: what workers counted, in the text form that Prometheus reads.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::fmt::Write as _;

use ngx::core::Status;
use ngx::ffi::{ngx_http_request_t, ngx_int_t};
use ngx::http::HttpModuleMainConf as _;
use vigie_bouncer_origin::Origin;

use super::answer::{Answer, Kind};
use super::config::Main;
use super::handler::log_of;
use super::shared::{NOBODY, Outcome};
use super::{Vigie, guarded};

/// The content of a location.
pub(super) unsafe extern "C" fn content(request: *mut ngx_http_request_t) -> ngx_int_t {
    guarded(Status::NGX_ERROR.into(), || {
        // SAFETY: nginx hands us a live request. A worker has one thread, and nobody else holds this now.
        let Some(main) = Vigie::main_conf_mut(unsafe { &*request }) else {
            return Status::NGX_ERROR.into();
        };
        // Nobody else may have asked for long.
        main.refresh(log_of(request));
        let body = text(main);
        let answer = Answer {
            status: 200,
            kind: Kind::Metrics,
            body: &body,
        };
        answer.send(request)
    })
}

fn text(main: &Main) -> String {
    let mut out = String::with_capacity(8_192);
    let head = |out: &mut String, name: &str, kind: &str, help: &str| {
        line(out, format_args!("# HELP {name} {help}"));
        line(out, format_args!("# TYPE {name} {kind}"));
    };
    head(
        &mut out,
        "vigie_requests_total",
        "counter",
        "Requests of clients that the table names, by its word, what became of them and who decided.",
    );
    for outcome in Outcome::ALL {
        let (word, became) = outcome.labels();
        let mut count = |origin, label: std::fmt::Arguments<'_>| {
            let count = main.shared().map_or(0, |shared| shared.counted(outcome, origin));
            let labels = format_args!("remediation=\"{word}\",outcome=\"{became}\"{label}");
            line(&mut out, format_args!("vigie_requests_total{{{labels}}} {count}"));
        };
        if outcome.is_decided() {
            for origin in Origin::ALL {
                count(origin, format_args!(",origin=\"{origin}\""));
            }
        } else {
            count(NOBODY, format_args!(""));
        }
    }
    head(
        &mut out,
        "vigie_table_rows",
        "gauge",
        "Rows of a table, in the worker that answers.",
    );
    for watch in &main.watches {
        let (path, rows) = (label(&watch.path().to_string_lossy()), watch.table().len());
        line(
            &mut out,
            format_args!("vigie_table_rows{{table=\"{path}\"}} {rows}"),
        );
    }
    head(
        &mut out,
        "vigie_table_usable",
        "gauge",
        "1 if the table's file is in use as it is now, 0 if an older one is, or none.",
    );
    for watch in &main.watches {
        let (path, usable) = (
            label(&watch.path().to_string_lossy()),
            u8::from(watch.is_usable()),
        );
        line(
            &mut out,
            format_args!("vigie_table_usable{{table=\"{path}\"}} {usable}"),
        );
    }
    out
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    writeln!(out, "{text}").unwrap_or_default();
}

/// A label's value, as the format wants it written.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
