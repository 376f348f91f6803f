//! A transaction as `nft -f` would read it: for `--dry-run` and for tests. The kernel itself gets
//! [`crate::netlink`], which says the same.

use std::fmt::Write as _;

use vigie_bouncer_client::span::Family;
use vigie_bouncer_client::{GoDuration, Moment};

use crate::transaction::{Element, Hook, Kind, Op, Set, Transaction};

/// The transaction in nft's language, for this table, at this moment.
pub fn render(transaction: &Transaction, table: &str, now: Moment) -> String {
    let mut out = String::new();
    for op in &transaction.ops {
        out.push_str(&line(op, table, now));
        out.push('\n');
    }
    out
}

fn line(op: &Op, table: &str, now: Moment) -> String {
    match op {
        Op::AddTable => format!("add table inet {table}"),
        Op::DeleteTable => format!("delete table inet {table}"),
        Op::AddCounter(counter) => format!("add counter inet {table} {counter}"),
        Op::AddSet(set) => format!("add map inet {table} {set} {}", shape(set.kind)),
        Op::DeleteSet(set) => format!("delete map inet {table} {set}"),
        Op::DeleteChain(hook) => {
            let name = hook.name();
            format!("flush chain inet {table} {name}\ndelete chain inet {table} {name}")
        }
        Op::AddChain(hook, priority) => chain(*hook, *priority, table),
        Op::AddRule(hook, set) => rule(*hook, *set, table),
        Op::AddElements(set, elements) => list("add", *set, elements, table, Some(now)),
        Op::DeleteElements(set, elements) => list("delete", *set, elements, table, None),
    }
}

fn shape(kind: Kind) -> String {
    let key = match kind.family() {
        Family::V4 => "ipv4_addr",
        Family::V6 => "ipv6_addr",
    };
    let flags = if kind.is_interval() {
        "interval, timeout"
    } else {
        "timeout"
    };
    format!("{{ type {key} : counter; flags {flags}; }}")
}

fn chain(hook: Hook, priority: i32, table: &str) -> String {
    let name = hook.name();
    format!("add chain inet {table} {name} {{ type filter hook {name} priority {priority}; policy accept; }}")
}

fn rule(hook: Hook, set: Set, table: &str) -> String {
    let address = match set.kind.family() {
        Family::V4 => "ip saddr",
        Family::V6 => "ip6 saddr",
    };
    let hook = hook.name();
    format!("add rule inet {table} {hook} counter name {address} map @{set} drop")
}

fn list(verb: &str, set: Set, elements: &[Element], table: &str, now: Option<Moment>) -> String {
    let mut out = format!("{verb} element inet {table} {set} {{");
    for (index, element) in elements.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let mut text = element.first.to_string();
        if element.first != element.last {
            text = format!("{text}-{}", element.last);
        }
        if let Some(now) = now {
            let secs = i64::from(timeout_secs(element, now));
            let counter = element.counter();
            text = format!("{text} timeout {} : \"{counter}\"", GoDuration::from_secs(secs));
        }
        // Writing to a String cannot fail.
        write!(out, "{comma} {text}").unwrap_or_default();
    }
    out.push_str(" }");
    out
}

/// Seconds that the kernel is to keep the element; never nought, which would mean for ever.
pub fn timeout_secs(element: &Element, now: Moment) -> u32 {
    element.term.until.secs_after(now).max(1)
}

#[cfg(test)]
mod tests {
    use vigie_bouncer_client::{Origin, Term};

    use super::*;
    use crate::transaction::Generation;

    #[test]
    fn elements_in_nft_words() {
        let now = Moment::from_secs(100);
        let term = |secs, origin| Term {
            until: Moment::from_secs(secs),
            origin,
        };
        let single = Element::single("192.0.2.1".parse().unwrap(), term(3_761, Origin::Mesh));
        let range = Element {
            first: "2001:db8::".parse().unwrap(),
            last: "2001:db8::ff".parse().unwrap(),
            term: term(100, Origin::CscliImport),
        };
        let [v4, _, _, v6_ranges] = Generation::default().next().sets();
        let ops = vec![
            Op::AddElements(v4, vec![single]),
            Op::DeleteElements(v6_ranges, vec![range]),
            Op::AddElements(v6_ranges, vec![range, range]),
        ];
        let expected = r#"add element inet t banned_v4_1 { 192.0.2.1 timeout 1h1m1s : "mesh_v4" }
delete element inet t banned_v6_ranges_1 { 2001:db8::-2001:db8::ff }
add element inet t banned_v6_ranges_1 { 2001:db8::-2001:db8::ff timeout 1s : "cscli-import_v6", 2001:db8::-2001:db8::ff timeout 1s : "cscli-import_v6" }
"#;
        assert_eq!(render(&Transaction { ops }, "t", now), expected);
    }
}
