//! The steps of a line, each alone: its date, a filter, an expression that makes text, a pattern as `regex` finds it.
//!
//! The walk through patterns, the gate and the dispatch have no door of their own; `parse` and `detect` measure them at work.

use std::sync::Arc;

use divan::Bencher;
use vigie_sensor::expr::{Context, Data, Env, Expression, Scope};
use vigie_sensor::grok::Library;
use vigie_sensor::parse::names::{Names, Space};
use vigie_sensor::parse::{Event, date};
use vigie_wire::Timestamp;

const NOW: Timestamp = Timestamp::from_secs(1_780_272_000);

const DATES: &[&str] = &[
    "May  3 10:00:00",
    "03/May/2026:10:00:00 +0200",
    "2026-05-03T10:00:00.123+02:00",
];

const EXPRESSIONS: &[&str] = &[
    "evt.Meta.service == 'http' && evt.Meta.log_type in ['http_access-log', 'http_error-log']",
    "evt.Parsed.file_frag + evt.Parsed.file_ext",
    "Upper(evt.Parsed.file_ext) in ['.JPG', '.CSS', '.PNG', '.SVG'] ? 'true' : 'false'",
    "any(['union', 'select', 'sleep'], Lower(evt.Parsed.http_args) contains #)",
];

fn main() {
    divan::main();
}

#[divan::bench(args = DATES)]
fn dates(text: &str) -> Option<date::Date> {
    date::parse(divan::black_box(text), "", NOW)
}

#[divan::bench(args = EXPRESSIONS)]
fn expressions(bencher: Bencher<'_, '_>, source: &str) {
    let (mut names, data) = (Names::default(), Data::default());
    let mut context = Context {
        names: &mut names,
        data: &data,
    };
    let Ok(expression) = Expression::compile(source, Scope::Event, &mut context) else {
        return;
    };
    let mut event = Event::blank(Arc::new(names));
    event.set(Space::Meta, "service", "http");
    event.set(Space::Meta, "log_type", "http_access-log");
    event.set(Space::Parsed, "file_frag", "index");
    event.set(Space::Parsed, "file_ext", ".php");
    event.set(Space::Parsed, "http_args", "id=1&q=two+words");
    bencher.bench_local(|| expression.eval(Env::of(divan::black_box(&event))).is_ok());
}

#[divan::bench]
fn pattern_by_regex(bencher: Bencher<'_, '_>) {
    let pattern = "Failed %{WORD:how} for %{USERNAME:user} from %{IPORHOST:address} port %{INT:port}";
    let Ok(grok) = Library::builtin().compile(pattern) else {
        return;
    };
    let mut locations = grok.locations();
    let text = "Failed password for root from 203.0.113.9 port 52144 ssh2";
    bencher.bench_local(|| grok.find(divan::black_box(text), &mut locations));
}
