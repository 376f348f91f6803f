//! YAML text to a tree in which every node knows its place.
//!
//! Bounded against bombs: bytes, nodes (those that aliases repeat included) and depth. Absent on purpose:
//! types. A scalar is its text, and who reads it decides what that means, as with the original.

use std::cell::RefCell;
use std::sync::Arc;

use hashbrown::HashMap;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, StrInput};

use super::error::{Place, RuleError};

/// How long a rule file may be.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// How many nodes a rule file may have, repeated ones counted each time.
const MAX_NODES: usize = 1_000_000;
/// How deep nodes may nest.
const MAX_DEPTH: usize = 64;

/// A node and where it starts.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Scalar { text: Arc<str>, plain: bool },
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// A document and the text it was read from.
#[derive(Debug)]
pub(crate) struct Document<'s> {
    pub(crate) root: Node,
    pub(crate) text: &'s str,
}

/// The source of a file: places are looked up in it.
#[derive(Debug)]
pub(crate) struct Source<'s> {
    pub(crate) file: Arc<str>,
    text: &'s str,
    line_starts: Vec<usize>,
    /// Mistakes that did not stop the reading of their document.
    reported: RefCell<Vec<RuleError>>,
}

/// How many mistakes of one document are told.
const MAX_ERRORS: usize = 20;

struct Builder<'s> {
    source: &'s Source<'s>,
    parser: Parser<'s, StrInput<'s>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

// === impl Source ===

impl<'s> Source<'s> {
    pub(crate) fn new(file: &str, text: &'s str) -> Self {
        // As YAML counts lines, and so its parser: a carriage return alone ends one too.
        let bytes = text.as_bytes();
        let starts = bytes
            .iter()
            .enumerate()
            .filter(|(at, byte)| match byte {
                b'\n' => true,
                b'\r' => bytes.get(at + 1) != Some(&b'\n'),
                _ => false,
            })
            .map(|(at, _)| at + 1);
        Self {
            file: file.into(),
            text,
            line_starts: std::iter::once(0).chain(starts).collect(),
            reported: RefCell::default(),
        }
    }

    /// Notes a mistake, and reading goes on: the document is refused at its end.
    pub(crate) fn report(&self, error: RuleError) {
        self.reported.borrow_mut().push(error);
    }

    /// What was read of a document, unless there was a mistake in it; all of them go to the others.
    pub(crate) fn settle<T>(&self, read: Result<T, RuleError>, errors: &mut Vec<RuleError>) -> Option<T> {
        let mut own = std::mem::take(&mut *self.reported.borrow_mut());
        let read = read.map_err(|error| own.push(error)).ok();
        if own.is_empty() {
            return read;
        }
        own.sort_by_key(|error| (error.place.line, error.place.column));
        own.dedup();
        let more = own.len().saturating_sub(MAX_ERRORS);
        own.truncate(MAX_ERRORS);
        if more > 0
            && let Some(last) = own.last_mut()
        {
            last.message.push_str(&format!(" (and {more} more mistakes)"));
        }
        errors.append(&mut own);
        None
    }

    pub(crate) fn error(&self, line: usize, column: usize, message: impl Into<String>) -> RuleError {
        RuleError {
            place: Place {
                file: Arc::clone(&self.file),
                line,
                column,
            },
            message: message.into(),
        }
    }

    pub(crate) fn error_at(&self, node: &Node, message: impl Into<String>) -> RuleError {
        self.error(node.line, node.column, message)
    }

    /// An error within a scalar: `offset` counts the bytes of its value, the place is that in the file.
    pub(crate) fn error_in(&self, node: &Node, offset: usize, message: impl Into<String>) -> RuleError {
        let (line, column) = self.place_in(node, offset).unwrap_or((node.line, node.column));
        self.error(line, column, message)
    }

    fn offset_of(&self, line: usize, column: usize) -> Option<usize> {
        let start = *self.line_starts.get(line.checked_sub(1)?)?;
        let rest = self.text.get(start..)?;
        Some(
            start
                + rest
                    .char_indices()
                    .nth(column.checked_sub(1)?)
                    .map_or(rest.len(), |(at, _)| at),
        )
    }

    /// Walks value and source side by side: folding, indentation and escapes make them differ.
    fn place_in(&self, node: &Node, offset: usize) -> Option<(usize, usize)> {
        let Kind::Scalar { text, .. } = &node.kind else {
            return None;
        };
        let start = self.offset_of(node.line, node.column)?;
        let mut raw = self.text.get(start..)?.chars().peekable();
        let (mut line, mut column) = (node.line, node.column);
        let mut step = |raw: &mut std::iter::Peekable<std::str::Chars<'_>>| {
            let c = raw.next();
            if c == Some('\n') || (c == Some('\r') && raw.peek() != Some(&'\n')) {
                line += 1;
                column = 1;
            } else {
                column += 1;
            }
            (line, column)
        };
        let mut place = (node.line, node.column);
        match raw.peek() {
            Some('"' | '\'') => place = step(&mut raw),
            // A block begins on the next line.
            Some('|' | '>') => {
                while raw.peek().is_some_and(|c| *c != '\n') {
                    step(&mut raw);
                }
            }
            _ => {}
        }
        for (at, c) in text.char_indices() {
            while !c.is_whitespace() && raw.peek().is_some_and(|raw| raw.is_whitespace()) {
                place = step(&mut raw);
            }
            if at >= offset {
                break;
            }
            let next = *raw.peek()?;
            place = step(&mut raw);
            if next == c {
                if c == '\'' && raw.peek() == Some(&'\'') && self.text.get(start..)?.starts_with('\'') {
                    place = step(&mut raw);
                }
            } else if c.is_whitespace() && next.is_whitespace() {
                while raw.peek().is_some_and(|raw| raw.is_whitespace()) {
                    place = step(&mut raw);
                }
            } else if next == '\\' {
                place = step(&mut raw);
            }
        }
        Some(place)
    }

    /// All documents of the file, as far as the first that cannot be read.
    pub(crate) fn documents(&'s self) -> (Vec<Document<'s>>, Option<RuleError>) {
        if self.text.len() > MAX_BYTES {
            return (
                Vec::new(),
                Some(self.error(1, 1, format!("the file is longer than {MAX_BYTES} bytes"))),
            );
        }
        let mut builder = Builder {
            source: self,
            parser: Parser::new_from_str(self.text),
            anchors: HashMap::new(),
            nodes: 0,
        };
        let mut documents = Vec::new();
        let mut start = 0;
        let result = loop {
            match builder.next() {
                Err(error) => break Some(error),
                Ok((Event::StreamEnd, _)) => break None,
                Ok((Event::DocumentStart(explicit), at)) => {
                    if explicit {
                        start = self.offset_of(at.line(), at.col() + 1).unwrap_or(start) + 3;
                    }
                    let root = match builder.next().and_then(|(event, at)| builder.node(event, at, 0)) {
                        Ok(root) => root,
                        Err(error) => break Some(error),
                    };
                    documents.push((start, root));
                    start = self.text.len();
                }
                Ok(_) => {}
            }
        };
        (self.cut(documents), result)
    }

    /// Gives each document its text: up to the line that separates it from the next.
    fn cut(&self, documents: Vec<(usize, Node)>) -> Vec<Document<'s>> {
        let starts: Vec<usize> = documents.iter().map(|(start, _)| *start).collect();
        let cut = |at: usize, start: usize| {
            let end = starts
                .get(at + 1)
                .map_or(self.text.len(), |next| next.saturating_sub(3));
            self.text.get(start..end.max(start)).unwrap_or("").trim()
        };
        let with_text = |(at, (start, root)): (usize, (usize, Node))| Document {
            text: cut(at, start),
            root,
        };
        documents.into_iter().enumerate().map(with_text).collect()
    }
}

// === impl Builder ===

impl<'s> Builder<'s> {
    fn next(&mut self) -> Result<(Event<'s>, Marker), RuleError> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, span.start)),
            Some(Err(error)) => Err(self.scan_error(&error)),
            None => Ok((Event::StreamEnd, Marker::default())),
        }
    }

    fn scan_error(&self, error: &ScanError) -> RuleError {
        let at = error.marker();
        self.source
            .error(at.line(), at.col() + 1, format!("not YAML: {}", error.info()))
    }

    fn count(&mut self, nodes: usize, at: Marker) -> Result<(), RuleError> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MAX_NODES {
            return Err(self
                .source
                .error(at.line(), at.col() + 1, format!("more than {MAX_NODES} nodes")));
        }
        Ok(())
    }

    fn node(&mut self, event: Event<'s>, at: Marker, depth: usize) -> Result<Node, RuleError> {
        let (line, column) = (at.line(), at.col() + 1);
        self.count(1, at)?;
        if depth > MAX_DEPTH {
            return Err(self
                .source
                .error(line, column, format!("nested deeper than {MAX_DEPTH}")));
        }
        let (kind, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                let kind = Kind::Scalar {
                    text: text.as_ref().into(),
                    plain: style == ScalarStyle::Plain,
                };
                (kind, anchor)
            }
            Event::SequenceStart(anchor, _) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, at) => items.push(self.node(event, at, depth + 1)?),
                    }
                }
                (Kind::List(items), anchor)
            }
            Event::MappingStart(anchor, _) => {
                let mut entries = Vec::new();
                loop {
                    let key = match self.next()? {
                        (Event::MappingEnd, _) => break,
                        (event, at) => self.node(event, at, depth + 1)?,
                    };
                    let (event, at) = self.next()?;
                    entries.push((key, self.node(event, at, depth + 1)?));
                }
                (Kind::Map(entries), anchor)
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    return Err(self
                        .source
                        .error(line, column, "this alias stands within its own anchor"));
                };
                let (size, node) = (node.size(), node.clone());
                self.count(size, at)?;
                return Ok(node);
            }
            _ => return Err(self.source.error(line, column, "the document ends too early")),
        };
        let node = Node { line, column, kind };
        if anchor > 0 {
            self.count(node.size(), at)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }
}

// === impl Node ===

impl Node {
    fn size(&self) -> usize {
        match &self.kind {
            Kind::Scalar { .. } => 1,
            Kind::List(items) => 1 + items.iter().map(Self::size).sum::<usize>(),
            Kind::Map(entries) => {
                1 + entries
                    .iter()
                    .map(|(key, value)| key.size() + value.size())
                    .sum::<usize>()
            }
        }
    }

    /// Whether it is nothing: an empty plain scalar, `~` or `null`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true } if matches!(&**text, "" | "~" | "null" | "Null" | "NULL"))
    }
}
