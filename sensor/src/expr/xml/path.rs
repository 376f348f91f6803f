//! Paths into a document: steps, each with filters, by which candidates become fewer.

use super::{Document, Id, split_name};

/// How many elements a path may pass on its way.
const MAX_CANDIDATES: usize = 1_000_000;

#[derive(Debug)]
pub(super) struct Path {
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    to: To,
    filters: Vec<Filter>,
}

#[derive(Debug)]
enum To {
    Root,
    Itself,
    Parent,
    Children,
    Descendants,
    Tag { prefix: String, tag: String },
}

#[derive(Debug)]
enum Filter {
    Attribute(String, Option<String>),
    /// Has a child, with that text if one is given.
    Child(String, Option<String>),
    Text(Option<String>),
    Name(String),
    /// From 0; below that from the end.
    Place(i64),
}

// === impl Path ===

impl Path {
    /// `None` if it cannot be understood.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut steps = Vec::new();
        let text = if text.ends_with("//") {
            format!("{text}*")
        } else {
            text.to_owned()
        };
        let mut rest = &*text;
        if let Some(below) = text.strip_prefix('/') {
            steps.push(Step {
                to: To::Root,
                filters: Vec::new(),
            });
            rest = below;
        }
        for part in split_outside_quotes(rest) {
            steps.push(Step::parse(part)?);
        }
        Some(Self { steps })
    }

    /// The first element in the document's order.
    pub(super) fn first(&self, document: &Document) -> Option<Id> {
        let mut level = vec![0];
        for step in &self.steps {
            let mut next = Vec::new();
            for from in level {
                let mut candidates = step.to.from(document, from);
                for filter in &step.filters {
                    candidates = filter.apply(document, candidates);
                }
                next.append(&mut candidates);
                if next.len() > MAX_CANDIDATES {
                    return None;
                }
            }
            level = next;
        }
        // The document itself is no element.
        level.into_iter().find(|id| *id != 0)
    }
}

fn split_outside_quotes(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quote) = (Vec::new(), 0, None);
    for (at, c) in text.char_indices() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            ('/', None) => {
                parts.push(text.get(start..at).unwrap_or(""));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or(""));
    parts
}

// === impl Step ===

impl Step {
    fn parse(text: &str) -> Option<Self> {
        let mut pieces = text.split('[');
        let to = match pieces.next()? {
            "." => To::Itself,
            ".." => To::Parent,
            "*" => To::Children,
            "" => To::Descendants,
            name => {
                let (prefix, tag) = split_name(name);
                To::Tag {
                    prefix: prefix.to_owned(),
                    tag: tag.to_owned(),
                }
            }
        };
        let filters = pieces.map(|piece| Filter::parse(piece.strip_suffix(']')?));
        Some(Self {
            to,
            filters: filters.collect::<Option<_>>()?,
        })
    }
}

// === impl To ===

impl To {
    fn from(&self, document: &Document, id: Id) -> Vec<Id> {
        let Some(element) = document.element(id) else {
            return Vec::new();
        };
        match self {
            Self::Root => vec![0],
            Self::Itself => vec![id],
            Self::Parent => vec![element.parent],
            Self::Children => element.children.clone(),
            Self::Descendants => {
                let mut all = vec![id];
                let mut next = 0;
                while let Some(element) = all.get(next).and_then(|id| document.element(*id)) {
                    all.extend_from_slice(&element.children);
                    next += 1;
                }
                all
            }
            Self::Tag { prefix, tag } => {
                let is_it = |id: &Id| {
                    document.element(*id).is_some_and(|child| {
                        *child.tag == **tag && (prefix.is_empty() || *child.prefix == **prefix)
                    })
                };
                element.children.iter().copied().filter(is_it).collect()
            }
        }
    }
}

// === impl Filter ===

impl Filter {
    fn parse(text: &str) -> Option<Self> {
        let (key, value) = match text.split_once('=') {
            Some((key, quoted)) => {
                let quote = quoted.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
                let value = quoted.strip_prefix(quote)?.strip_suffix(quote)?;
                if value.contains(quote) {
                    return None;
                }
                (key, Some(value.to_owned()))
            }
            None => (text, None),
        };
        if key.is_empty() {
            return None;
        }
        if let Some(name) = key.strip_prefix('@') {
            return Some(Self::Attribute(name.to_owned(), value));
        }
        Some(match (key, value) {
            ("text()", value) => Self::Text(value),
            ("name()" | "local-name()", Some(value)) => Self::Name(value),
            (key, _) if key.ends_with("()") => return None,
            (key, None) if key.parse::<i64>().is_ok() => {
                let place = key.parse::<i64>().ok()?;
                Self::Place(if place > 0 { place - 1 } else { place })
            }
            (key, value) => Self::Child(key.to_owned(), value),
        })
    }

    fn apply(&self, document: &Document, candidates: Vec<Id>) -> Vec<Id> {
        if let Self::Place(place) = self {
            let len = i64::try_from(candidates.len()).unwrap_or(i64::MAX);
            let at = if *place < 0 { len + place } else { *place };
            let found = usize::try_from(at).ok().and_then(|at| candidates.get(at));
            return found.copied().into_iter().collect();
        }
        let holds = |id: &Id| {
            document
                .element(*id)
                .is_some_and(|element| self.holds(document, element))
        };
        candidates.into_iter().filter(holds).collect()
    }

    fn holds(&self, document: &Document, element: &super::Element) -> bool {
        let is = |text: &str, wanted: &Option<String>| wanted.as_ref().is_none_or(|wanted| text == wanted);
        match self {
            Self::Attribute(name, wanted) => element.attribute(name).is_some_and(|value| is(value, wanted)),
            Self::Text(wanted) => match wanted {
                Some(wanted) => element.text == *wanted,
                None => !element.text.is_empty(),
            },
            Self::Name(wanted) => {
                let (prefix, tag) = split_name(wanted);
                *element.tag == *tag && (prefix.is_empty() || *element.prefix == *prefix)
            }
            Self::Child(name, wanted) => {
                let (prefix, tag) = split_name(name);
                element
                    .children
                    .iter()
                    .filter_map(|id| document.element(*id))
                    .any(|child| {
                        *child.tag == *tag
                            && (prefix.is_empty() || *child.prefix == *prefix)
                            && is(&child.text, wanted)
                    })
            }
            Self::Place(_) => true,
        }
    }
}
