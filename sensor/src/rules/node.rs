//! Parser files: documents to the nodes that `parse` runs.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Compiler;
use super::error::RuleError;
use super::reader::{Reader, Text};
use super::yaml::{Kind, Node as Yaml, Source};
use crate::expr::Scope;
use crate::outside::stash::MAX_SIZE as MAX_STASH_SIZE;
use crate::parse::finder::Prepared;
use crate::parse::names::{FieldId, Space};
use crate::parse::node::{
    GrokStep, Lookup, Method, Node, On, SourceField, StashStep, Static, Target, What, Whitelist,
};

type Read<T> = Result<T, RuleError>;

/// Where a node stands: its root gives the stage and, to children, the name.
pub(super) fn read(
    compiler: &mut Compiler<'_>,
    source: &Source<'_>,
    yaml: &Yaml,
    parent: Option<&str>,
) -> Read<Node> {
    let mut reader = Reader::new(source, yaml)?;
    reader.ignore(&[
        "format",
        "debug",
        "profiling",
        "author",
        "description",
        "references",
        "stage",
        "version",
    ]);
    compiler.read_data(source, reader.list("data")?)?;
    let name = match (reader.text("name")?, parent) {
        (Some(name), _) => name.text,
        (None, Some(parent)) => format!("child-{parent}").into(),
        (None, None) => "".into(),
    };
    let filter = match reader.text("filter")?.filter(|text| !text.text.trim().is_empty()) {
        Some(text) => Some(compiler.test(source, &text, Scope::Event)?),
        None => None,
    };
    let next_stage = match reader.text("onsuccess")? {
        None => false,
        Some(text) => match &*text.text {
            "next_stage" => true,
            "continue" | "" => false,
            other => {
                return Err(source.error_at(
                    text.node,
                    format!("onsuccess is \"next_stage\" or \"continue\", not {other:?}"),
                ));
            }
        },
    };
    for (name, node) in reader.map("pattern_syntax")? {
        let text = super::reader::text_of(source, node)?;
        compiler.define(source, name, &text)?;
    }
    let grok = match reader.take("grok") {
        Some(node) => noted(source, read_grok(compiler, source, node)).flatten(),
        None => None,
    };
    let whitelist = match reader.take("whitelist") {
        Some(node) => noted(source, read_whitelist(compiler, source, node)),
        None => None,
    };
    let mut stashes = Vec::new();
    for stash in reader.list("stash")? {
        stashes.extend(noted(source, read_stash(compiler, source, stash)));
    }
    let mut children = Vec::new();
    for child in reader.list("nodes")? {
        if !child.is_null() {
            children.extend(noted(source, read(compiler, source, child, Some(&name))));
        }
    }
    let statics = read_statics(compiler, source, reader.list("statics")?);
    reader.finish(&[])?;
    Ok(Node {
        name,
        filter,
        whitelist,
        grok,
        stashes,
        children,
        statics,
        next_stage,
    })
}

fn read_grok(compiler: &mut Compiler<'_>, source: &Source<'_>, node: &Yaml) -> Read<Option<GrokStep>> {
    let mut reader = Reader::new(source, node)?;
    let name = reader.text("name")?.filter(|text| !text.text.is_empty());
    let pattern = reader.text("pattern")?.filter(|text| !text.text.is_empty());
    let apply_on = reader.text("apply_on")?.filter(|text| !text.text.is_empty());
    let expression = reader.text("expression")?.filter(|text| !text.text.is_empty());
    let statics = read_statics(compiler, source, reader.list("statics")?);
    reader.finish(&[])?;
    let grok = match (&name, &pattern) {
        (Some(name), None) => compiler
            .library
            .named(&name.text)
            .map_err(|error| source.error_at(name.node, error.to_string()))?,
        (None, Some(pattern)) => compiler.grok(source, pattern)?,
        (Some(name), Some(_)) => {
            return Err(source.error_at(name.node, "a grok has either a name or a pattern"));
        }
        (None, None) => return Err(source.error_at(node, "a grok needs a pattern or a name")),
    };
    let on = match (apply_on, expression) {
        (Some(field), _) if &*field.text == "Line.Raw" => On::Line,
        (Some(field), _) => On::Field(compiler.field(source, field.node, Space::Parsed, &field.text)?),
        (None, Some(text)) => On::Expression(compiler.any(source, &text, Scope::Event)?),
        (None, None) => return Err(source.error_at(node, "a grok needs \"apply_on\" or \"expression\"")),
    };
    let fields: Vec<(String, usize)> = grok
        .fields()
        .map(|(name, group)| (name.to_owned(), group))
        .collect();
    let fields: Read<Vec<(FieldId, usize)>> = fields
        .into_iter()
        .map(|(name, group)| Ok((compiler.field(source, node, Space::Parsed, &name)?, group)))
        .collect();
    Ok(Some(GrokStep {
        fields: fields?.into(),
        grok,
        prepared: Prepared::default(),
        on,
        statics,
        slot: compiler.next_grok(),
    }))
}

/// How many values a stash holds whose rule does not say.
const STASH_SIZE: usize = 100;

fn read_stash(compiler: &mut Compiler<'_>, source: &Source<'_>, node: &Yaml) -> Read<StashStep> {
    let mut reader = Reader::new(source, node)?;
    let name = reader.required("name")?;
    let (key, value) = (reader.required("key")?, reader.required("value")?);
    let Some(ttl) = reader.duration("ttl")? else {
        return Err(source.error_at(node, "\"ttl\" is missing"));
    };
    let size = reader.integer("size")?.unwrap_or(0);
    let size = usize::try_from(size).ok().filter(|size| *size <= MAX_STASH_SIZE);
    let Some(size) = size else {
        return Err(source.error_at(node, format!("the size of a stash is from 0 to {MAX_STASH_SIZE}")));
    };
    let by_use = match reader.text("strategy")? {
        None => false,
        Some(text) => match &*text.text {
            "LFU" => true,
            "LRU" | "ARC" | "" => false,
            other => {
                return Err(source.error_at(
                    text.node,
                    format!("a stash's strategy is LRU, LFU or ARC, not {other:?}"),
                ));
            }
        },
    };
    reader.finish(&[])?;
    let stash = compiler.data.outside().stashes.named(&name.text);
    stash.define(if size == 0 { STASH_SIZE } else { size }, ttl, by_use);
    Ok(StashStep {
        stash,
        key: compiler.text(source, &key, Scope::Event)?,
        value: compiler.text(source, &value, Scope::Event)?,
        ttl,
    })
}

/// Notes what is wrong with a part, so that the others are read too.
fn noted<T>(source: &Source<'_>, part: Read<T>) -> Option<T> {
    part.map_err(|error| source.report(error)).ok()
}

fn read_statics(compiler: &mut Compiler<'_>, source: &Source<'_>, nodes: &[Yaml]) -> Vec<Static> {
    let real = nodes.iter().filter(|node| !node.is_null());
    real.filter_map(|node| noted(source, read_static(compiler, source, node)))
        .collect()
}

fn read_static(compiler: &mut Compiler<'_>, source: &Source<'_>, node: &Yaml) -> Read<Static> {
    let mut reader = Reader::new(source, node)?;
    let value = reader.text("value")?;
    let expression = reader.text("expression")?;
    let method = reader.text("method")?;
    let mut targets = Vec::new();
    for (key, space) in [
        ("parsed", Space::Parsed),
        ("meta", Space::Meta),
        ("enriched", Space::Enriched),
    ] {
        if let Some(name) = reader.text(key)? {
            targets.push(Target::Field(
                compiler.field(source, name.node, space, &name.text)?,
            ));
        }
    }
    if let Some(name) = reader.text("target")? {
        targets.push(read_target(compiler, source, &name)?);
    }
    reader.finish(&[])?;
    let target = match (method, targets.pop(), targets.is_empty()) {
        (Some(method), ..) => Target::Method(match &*method.text {
            "ParseDate" => Method::ParseDate,
            "GeoIpCity" => Method::Lookup(Lookup::City, compiler.data.outside()),
            "GeoIpASN" => Method::Lookup(Lookup::Asn, compiler.data.outside()),
            "IpToRange" => Method::Lookup(Lookup::Range, compiler.data.outside()),
            "reverse_dns" => {
                if compiler.data.outside().resolver().is_none() {
                    let message = "nobody answers reverse_dns here: what asks for a name finds none";
                    compiler.warnings.push(source.error_at(method.node, message));
                }
                Method::Lookup(Lookup::Name, compiler.data.outside())
            }
            other => return Err(source.error_at(method.node, format!("unknown method {other:?}"))),
        }),
        (None, Some(target), true) => target,
        (None, Some(_), false) => return Err(source.error_at(node, "a static has one target")),
        (None, None, _) => {
            return Err(source.error_at(
                node,
                "a static needs one of meta, parsed, enriched, target and method",
            ));
        }
    };
    // An empty value counts as none, as in the original.
    let what = match (value.filter(|text| !text.text.is_empty()), expression) {
        (Some(value), _) => What::Text((*value.text).into()),
        (None, Some(text)) => {
            let expression = compiler.any(source, &text, Scope::Event)?;
            expression
                .as_field()
                .map_or_else(|| What::Expression(expression), What::Field)
        }
        (None, None) => return Err(source.error_at(node, "a static needs a value or an expression")),
    };
    Ok(Static { target, what })
}

fn read_target(compiler: &mut Compiler<'_>, source: &Source<'_>, name: &Text<'_>) -> Read<Target> {
    let path = name.text.strip_prefix("evt.").unwrap_or(&name.text);
    match path.split_once('.') {
        Some(("Parsed", field)) => Ok(Target::Field(compiler.field(
            source,
            name.node,
            Space::Parsed,
            field,
        )?)),
        Some(("Meta", field)) => Ok(Target::Field(compiler.field(
            source,
            name.node,
            Space::Meta,
            field,
        )?)),
        Some(("Enriched", field)) => Ok(Target::Field(compiler.field(
            source,
            name.node,
            Space::Enriched,
            field,
        )?)),
        Some(("Overflow", field)) => Ok(read_overflow_target(compiler, source, name, field)),
        _ => match path {
            "StrTime" => Ok(Target::StrTime),
            "StrTimeFormat" => Ok(Target::StrTimeFormat),
            "MarshaledTime" => Ok(Target::MarshaledTime),
            "Line.Module" => Ok(Target::LineModule),
            _ => Ok(no_target(compiler, source, name)),
        },
    }
}

/// The original too loads this, and then never sets it.
fn no_target(compiler: &mut Compiler<'_>, source: &Source<'_>, name: &Text<'_>) -> Target {
    compiler
        .warnings
        .push(source.error_at(name.node, format!("no event has the target {:?}", name.text)));
    Target::Nothing
}

/// What postoverflows set.
fn read_overflow_target(
    compiler: &mut Compiler<'_>,
    source: &Source<'_>,
    name: &Text<'_>,
    field: &str,
) -> Target {
    let field = field.strip_prefix("Alert.Source.").map(|field| match field {
        "Scope" => Some(SourceField::Scope),
        "Value" => Some(SourceField::Value),
        "IP" => Some(SourceField::Ip),
        "Range" => Some(SourceField::Range),
        "AsNumber" => Some(SourceField::AsNumber),
        "AsName" => Some(SourceField::AsName),
        "Cn" => Some(SourceField::Country),
        _ => None,
    });
    match field.flatten() {
        Some(field) => Target::Source(field),
        None => no_target(compiler, source, name),
    }
}

fn read_whitelist(compiler: &mut Compiler<'_>, source: &Source<'_>, node: &Yaml) -> Read<Whitelist> {
    if !matches!(node.kind, Kind::Map(_)) {
        return Err(source.error_at(node, "expected a mapping"));
    }
    let mut reader = Reader::new(source, node)?;
    let reason = reader.text("reason")?.map_or_else(|| "".into(), |text| text.text);
    let mut ips = Vec::new();
    for text in reader.texts("ip")? {
        ips.push(
            text.text
                .parse::<IpAddr>()
                .map(|ip| ip.to_canonical())
                .map_err(|_| source.error_at(text.node, format!("{:?} is not an address", text.text)))?,
        );
    }
    let mut ranges = Vec::new();
    for text in reader.texts("cidr")? {
        ranges.push(
            text.text
                .parse::<IpNet>()
                .map_err(|_| source.error_at(text.node, format!("{:?} is not a range", text.text)))?,
        );
    }
    let mut expressions = Vec::new();
    for text in reader.texts("expression")? {
        expressions.push(compiler.test(source, &text, Scope::Event)?);
    }
    reader.finish(&[])?;
    let source_ip = compiler.field(source, node, Space::Meta, "source_ip")?;
    Ok(Whitelist {
        reason,
        ips,
        ranges,
        expressions,
        source_ip,
    })
}
