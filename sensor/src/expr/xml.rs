//! XML documents of one line, and the paths by which rules ask for parts of them.
//!
//! The paths are those of Go's etree, which `CrowdSec` uses: `/a/b`, `//b`, `b[@x='1']`, `b[2]`. A document is
//! read once and kept for the next question, which usually is about the same line. Bounded: nodes, depth.
//! Entities of a document's own making are never expanded, and namespaces are not resolved.

mod path;

use std::cell::RefCell;
use std::rc::Rc;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use self::path::Path;

/// How many elements a document may have.
const MAX_ELEMENTS: usize = 100_000;
/// How deep they may nest.
const MAX_DEPTH: usize = 256;
/// How many documents and paths each thread keeps.
const KEPT_DOCUMENTS: usize = 2;
const KEPT_PATHS: usize = 512;

/// An element; 0 is the document itself.
type Id = usize;

/// See the module.
#[derive(Debug)]
pub(super) struct Document {
    elements: Vec<Element>,
}

#[derive(Debug, Default)]
struct Element {
    prefix: Box<str>,
    tag: Box<str>,
    attributes: Vec<(Box<str>, Box<str>)>,
    parent: Id,
    children: Vec<Id>,
    /// What stands before the first child.
    text: String,
}

/// What a thread has read lately.
#[derive(Default)]
struct Kept {
    documents: Vec<(String, Option<Rc<Document>>)>,
    paths: Vec<(String, Option<Rc<Path>>)>,
}

thread_local! {
    static KEPT: RefCell<Kept> = RefCell::default();
}

/// Asks a text as a document; `None` if it is none.
pub(super) fn with<T>(text: &str, ask: impl FnOnce(&Document) -> Option<T>) -> Option<T> {
    let document = KEPT.with_borrow_mut(|kept| {
        if let Some((_, document)) = kept.documents.iter().find(|(known, _)| known == text) {
            return document.clone();
        }
        if kept.documents.len() >= KEPT_DOCUMENTS {
            kept.documents.remove(0);
        }
        let document = Document::read(text).map(Rc::new);
        kept.documents.push((text.to_owned(), document.clone()));
        document
    })?;
    ask(&document)
}

fn path(text: &str) -> Option<Rc<Path>> {
    KEPT.with_borrow_mut(|kept| {
        if let Some((_, path)) = kept.paths.iter().find(|(known, _)| known == text) {
            return path.clone();
        }
        if kept.paths.len() >= KEPT_PATHS {
            kept.paths.remove(0);
        }
        let path = Path::parse(text).map(Rc::new);
        kept.paths.push((text.to_owned(), path.clone()));
        path
    })
}

// === impl Document ===

impl Document {
    fn read(text: &str) -> Option<Self> {
        let mut reader = Reader::from_str(text);
        let mut document = Self {
            elements: vec![Element::default()],
        };
        let mut open: Vec<Id> = vec![0];
        loop {
            let current = *open.last()?;
            match reader.read_event().ok()? {
                Event::Start(start) => {
                    if open.len() > MAX_DEPTH {
                        return None;
                    }
                    let id = document.add(&start, current)?;
                    open.push(id);
                }
                Event::Empty(start) => {
                    document.add(&start, current)?;
                }
                Event::End(_) => {
                    open.pop();
                }
                Event::Text(text) => document.append(current, &text.xml10_content()),
                Event::CData(text) => document.append(current, &text.xml10_content()),
                Event::GeneralRef(reference) => {
                    if let Some(c) = reference.resolve_char_ref().ok()? {
                        document.append(current, c.encode_utf8(&mut [0; 4]));
                    } else {
                        let text = match &*reference.into_inner() {
                            "lt" => "<",
                            "gt" => ">",
                            "amp" => "&",
                            "quot" => "\"",
                            "apos" => "'",
                            _ => return None,
                        };
                        document.append(current, text);
                    }
                }
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
                Event::Eof => break,
            }
        }
        (open.len() == 1).then_some(document)
    }

    fn add(&mut self, start: &BytesStart<'_>, parent: Id) -> Option<Id> {
        if self.elements.len() > MAX_ELEMENTS {
            return None;
        }
        let mut attributes = Vec::new();
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.ok()?;
            let value = quick_xml::escape::unescape(attribute.value.as_ref()).ok()?;
            attributes.push((attribute.key.as_ref().into(), value.into()));
        }
        let id = self.elements.len();
        let (prefix, tag) = split_name(start.name().0);
        self.elements.push(Element {
            prefix: prefix.into(),
            tag: tag.into(),
            attributes,
            parent,
            ..Element::default()
        });
        self.elements.get_mut(parent)?.children.push(id);
        Some(id)
    }

    fn append(&mut self, to: Id, text: &str) {
        if let Some(element) = self
            .elements
            .get_mut(to)
            .filter(|element| element.children.is_empty())
        {
            element.text.push_str(text);
        }
    }

    fn element(&self, id: Id) -> Option<&Element> {
        self.elements.get(id)
    }

    /// The text of the first element at a path.
    pub(super) fn text(&self, at: &str) -> Option<String> {
        let found = path(at)?.first(self)?;
        self.element(found).map(|element| element.text.clone())
    }

    /// An attribute of the first element at a path.
    pub(super) fn attribute(&self, at: &str, name: &str) -> Option<String> {
        let found = path(at)?.first(self)?;
        self.element(found)?.attribute(name).map(str::to_owned)
    }
}

// === impl Element ===

impl Element {
    fn attribute(&self, name: &str) -> Option<&str> {
        let wanted = split_name(name);
        let found = self.attributes.iter().find(|(key, _)| {
            let (prefix, key) = split_name(key);
            key == wanted.1 && (wanted.0.is_empty() || prefix == wanted.0)
        });
        found.map(|(_, value)| &**value)
    }
}

/// The prefix, `""` if there is none, and the name behind it.
fn split_name(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "<?xml version='1.0'?><!-- x --><Event xmlns='urn:x'><System><Provider Name='P&amp;Q'/>\
        <EventID>4625</EventID></System><EventData><Data Name='User'>bob &#33; &lt;x&gt;</Data>\
        <Data Name='Ip'><![CDATA[203.0.113.9]]></Data><Data>third<b/>tail</Data><n:Data>fourth</n:Data></EventData></Event>";

    #[test]
    fn paths() {
        for (path, expected) in [
            ("/Event/System/EventID", Some("4625")),
            ("Event/System/EventID", Some("4625")),
            ("//EventID", Some("4625")),
            ("./Event/*/EventID", Some("4625")),
            ("/Event/EventData/Data[@Name='User']", Some("bob ! <x>")),
            ("/Event/EventData/Data[@Name=\"Ip\"]", Some("203.0.113.9")),
            ("//Data[3]", Some("third")),
            ("//Data[-1]", Some("fourth")),
            ("//Data[b]", Some("third")),
            ("//n:Data", Some("fourth")),
            ("//Data[text()='third']", Some("third")),
            ("//EventID/../../EventData/Data", Some("bob ! <x>")),
            ("//System[EventID='4625']/EventID", Some("4625")),
            ("//System[EventID='1']/EventID", None),
            ("/System", None),
            ("/Event/EventData/Data[@Name='No']", None),
            ("//Data[", None),
            ("//Data[]", None),
            ("//Data[@Name='x]", None),
        ] {
            let found = with(TEXT, |document| document.text(path));
            assert_eq!(found.as_deref(), expected, "{path}");
        }
        let name = |path: &str, name: &str| with(TEXT, |document| document.attribute(path, name));
        assert_eq!(name("//Provider", "Name").as_deref(), Some("P&Q"));
        assert_eq!(name("//Provider", "Nome"), None);
    }

    #[test]
    fn what_is_no_document() {
        for text in ["<a>", "<a></b>", "<a b=1></a>", "<a>&x;</a>", "<"] {
            assert_eq!(with(text, |document| document.text("/a")), None, "{text}");
        }
        assert_eq!(with("", |document| document.text("/a")), None);
        let deep = format!("{}x{}", "<a>".repeat(300), "</a>".repeat(300));
        assert_eq!(with(&deep, |document| document.text("//a")), None);
        let bomb = "<!DOCTYPE a [<!ENTITY b 'bbbbbbbb'><!ENTITY c '&b;&b;&b;'>]><a>&c;</a>";
        assert_eq!(with(bomb, |document| document.text("/a")), None);
    }
}
