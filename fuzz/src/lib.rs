//! What the fuzz targets do with their bytes, and what must hold.
//!
//! The same functions run as ordinary tests over what is kept in `fuzz/corpus` (`sensor/tests/it/fuzzed.rs`).
//! `scripts/fuzz.sh 120` runs each for two minutes. What reads the network stands in `wire.rs`, its state machines in
//! `mesh.rs`: tests of other crates take those files by themselves.

#[cfg(not(test))]
pub mod mesh;
#[cfg(not(test))]
pub mod wire;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, OnceLock};

use vigie_sensor::expr::{Context, Data, Env, Expression, Scope};
use vigie_sensor::grok::Library;
use vigie_sensor::line::{Line, Position};
use vigie_sensor::parse::names::{Names, Space};
use vigie_sensor::parse::{Event, Parsed, Parser};
use vigie_sensor::rules::Loader;
use vigie_sensor::source::syslog;
use vigie_wire::Timestamp;

/// Any text is an expression or a mistake within the text; one that runs gives the same twice.
pub fn expr(bytes: &[u8]) {
    let source = String::from_utf8_lossy(bytes);
    let (mut names, mut data) = (Names::default(), Data::default());
    data.insert("f", "a\nb+\n");
    let mut context = Context {
        names: &mut names,
        data: &data,
    };
    let expression = match Expression::compile(&source, Scope::Event, &mut context) {
        Ok(expression) => expression,
        Err(errors) => {
            assert!(!errors.0.is_empty());
            assert!(
                errors.0.iter().all(|error| error.at <= source.len()),
                "{errors:?}"
            );
            return;
        }
    };
    let mut event = Event::blank(Arc::new(names));
    event.set(Space::Parsed, "a", "sshd");
    event.set(Space::Meta, "source_ip", "203.0.113.9");
    let shown = |event: &Event| {
        let value = expression.eval(Env::of(event));
        value.map(|value| value.display().into_owned())
    };
    let first = shown(&event);
    event.apply_pending();
    if !source.contains("evt.") {
        assert_eq!(first, shown(&event), "{source}");
    }
}

/// The first line is a pattern, the rest a text: fields are parts of the text.
pub fn grok(bytes: &[u8]) {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    let library = LIBRARY.get_or_init(Library::builtin);
    let input = String::from_utf8_lossy(bytes);
    let (pattern, text) = input.split_once('\n').unwrap_or((&input, ""));
    if pattern.len() > 300 {
        return;
    }
    let Ok(grok) = library.compile(pattern) else {
        return;
    };
    for (_, value) in grok.parse(text).into_iter().flatten() {
        assert!(text.contains(value));
    }
}

/// The first line is a pattern, the others are lines of a log: what foresees, walks and remembers finds what the plain
/// engine finds, in each line and whatever came before it.
pub fn engines(bytes: &[u8]) {
    let input = String::from_utf8_lossy(bytes);
    let (pattern, texts) = input.split_once('\n').unwrap_or((&input, ""));
    if pattern.len() > 300 || texts.len() > 4_096 {
        return;
    }
    let quoted = pattern.replace('\'', "''");
    let mut loader = Loader::new();
    loader.parser(
        "s01-parse",
        "p",
        &format!("name: p\nonsuccess: next_stage\ngrok:\n  apply_on: Line.Raw\n  pattern: '{quoted}'\n"),
    );
    let (rules, errors) = loader.finish_lenient();
    if !errors.is_empty() {
        return;
    }
    let (mut fast, mut plain) = (Parser::new(&rules), Parser::plain(&rules));
    let now = Timestamp::from_secs(1_780_272_000);
    // Each line several times: after some matches in a row nothing is looked for in advance.
    for text in texts.split('\n').flat_map(|text| [text; 4]) {
        let line = Line {
            source: Arc::from("fuzz"),
            position: Position::File { file: 0, offset: 0 },
            kind: Arc::from("log"),
            text: text.to_owned(),
            read_at: now,
        };
        let found = |parser: &mut Parser| match parser.parse(&line, now) {
            Parsed::Unparsed { .. } => None,
            Parsed::Event(event) | Parsed::Whitelisted(event) => Some(
                event
                    .iter()
                    .map(|(space, name, value)| (space, name.to_owned(), value.to_owned()))
                    .collect::<Vec<_>>(),
            ),
        };
        let wanted = found(&mut plain);
        assert_eq!(found(&mut fast), wanted, "{pattern:?} on {text:?}");
    }
}

/// Any message becomes a line, and one line only.
pub fn syslog(bytes: &[u8]) {
    let message = String::from_utf8_lossy(bytes);
    let peer = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));
    let line = syslog::line_of(&message, peer, Timestamp::from_secs(1_780_272_000));
    assert!(
        line.len() <= message.len() * 4 + 100,
        "{} of {}",
        line.len(),
        message.len()
    );
}

/// Any text is rules or mistakes with places in it.
pub fn yaml(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    // As YAML counts them: a carriage return alone ends a line too.
    let lines = text.replace("\r\n", "\n").split(['\n', '\r']).count();
    for scenario in [false, true] {
        let mut loader = Loader::new();
        if scenario {
            loader.scenario("s", &text);
        } else {
            loader.parser("s01-parse", "p", &text);
        }
        let (_, errors) = loader.finish_lenient();
        for error in errors {
            assert!(error.place.line <= lines + 2, "{error} of {lines} lines");
        }
    }
}
