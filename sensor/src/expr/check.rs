//! Syntax to code: types are checked, fields become slots, patterns are compiled.
//!
//! What cannot work is refused here, with the place of the word that is wrong, and not while lines run.

mod call;

use super::code::{Code, Empty, Getter, Searched, TextSet};
use super::computed::Computed;
use super::syntax::{Ast, CLOSURES, Op, Syntax};
use super::types::{Scope, Type};
use super::{Context, ExprError, ask, functions};
use crate::grok::re2;
use crate::parse::names::Space;

type Checked = Result<(Code, Type), ExprError>;

/// How many mistakes of one expression are told.
const MAX_ERRORS: usize = 20;

pub(super) struct Checker<'c, 'd> {
    context: &'c mut Context<'d>,
    scope: Scope,
    /// `let` names and the elements of closures, outermost first.
    locals: Vec<(Local, Type)>,
    /// What is wrong so far. What has an error counts as anything, so that one mistake is told once.
    pub(super) errors: Vec<ExprError>,
}

#[derive(Debug, Clone, PartialEq)]
enum Local {
    Element,
    Index,
    Accumulated,
    Named(String),
}

fn fail<T>(at: usize, message: impl Into<String>) -> Result<T, ExprError> {
    Err(ExprError::new(at, message))
}

fn boxed(code: Code) -> Box<Code> {
    Box::new(code)
}

// === impl Checker ===

impl<'c, 'd> Checker<'c, 'd> {
    pub(super) fn new(context: &'c mut Context<'d>, scope: Scope) -> Self {
        Self {
            context,
            scope,
            locals: Vec::new(),
            errors: Vec::new(),
        }
    }

    fn check(&mut self, ast: &Ast) -> (Code, Type) {
        self.try_check(ast).unwrap_or_else(|error| {
            self.complain(error);
            (Code::Nil, Type::Any)
        })
    }

    fn complain(&mut self, error: ExprError) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(error);
        }
    }

    fn try_check(&mut self, ast: &Ast) -> Checked {
        let at = ast.at;
        Ok(match &ast.kind {
            Syntax::Nil => (Code::Nil, Type::Nil),
            Syntax::Bool(is) => (Code::Bool(*is), Type::Bool),
            Syntax::Int(number) => (Code::Int(*number), Type::Int),
            Syntax::Float(number) => (Code::Float(*number), Type::Float),
            Syntax::Text(text) => (Code::Text(text.as_str().into()), Type::Text),
            Syntax::Name(name) => return self.name(at, name),
            Syntax::Pointer(what) => return self.pointer(at, what),
            Syntax::List(items) => self.list(items),
            Syntax::Map(entries) => {
                let mut checked = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    checked.push((self.check(key).0, self.check(value).0));
                }
                (Code::Map(checked), Type::Map)
            }
            Syntax::Member { of, name, optional } => return self.member(at, of, name, *optional),
            Syntax::Index {
                of,
                at: index,
                optional,
            } => return self.index(at, of, index, *optional),
            Syntax::Slice { of, from, to } => return self.slice(at, of, from.as_deref(), to.as_deref()),
            Syntax::Chain(inner) => {
                let (code, _) = self.check(inner);
                (Code::Chain(boxed(code)), Type::Any)
            }
            Syntax::Call { callee, args } => return self.call(at, callee, args),
            Syntax::Closure(_) => {
                return fail(
                    at,
                    "a closure stands only as the last argument of any, all, filter and their like",
                );
            }
            Syntax::Not(inner) => (Code::Not(boxed(self.wanted(inner, &Type::Bool))), Type::Bool),
            Syntax::Minus(inner) => {
                let (code, kind) = self.check(inner);
                if !kind.is_number() && kind != Type::Duration {
                    return fail(at, format!("{kind} has no negative"));
                }
                (Code::Minus(boxed(code)), kind)
            }
            Syntax::Many { op, items } => {
                let mut codes = Vec::with_capacity(items.len());
                for item in items {
                    codes.push(self.wanted(item, &Type::Bool));
                }
                (
                    if *op == Op::And {
                        Code::And(codes)
                    } else {
                        Code::Or(codes)
                    },
                    Type::Bool,
                )
            }
            Syntax::Binary { op, left, right } => return self.binary(at, *op, left, right),
            Syntax::Choice { test, yes, no } => {
                let test = boxed(self.wanted(test, &Type::Bool));
                let (yes, yes_type) = self.check(yes);
                let (no, no_type) = self.check(no);
                (
                    Code::Choice {
                        test,
                        yes: boxed(yes),
                        no: boxed(no),
                    },
                    yes_type.either(&no_type),
                )
            }
            Syntax::Let { name, value, body } => {
                let (value, kind) = self.check(value);
                self.locals.push((Local::Named(name.clone()), kind));
                let (body, kind) = self.check(body);
                self.locals.pop();
                (Code::Let(boxed(value), boxed(body)), kind)
            }
            Syntax::Sequence(items) => {
                let mut codes = Vec::with_capacity(items.len());
                let mut kind = Type::Nil;
                for item in items {
                    let (code, of) = self.check(item);
                    codes.push(code);
                    kind = of;
                }
                (Code::Sequence(codes), kind)
            }
            Syntax::Range(from, to) => {
                let (from, to) = (self.wanted(from, &Type::Int), self.wanted(to, &Type::Int));
                (Code::Range(boxed(from), boxed(to)), Type::list(Type::Int))
            }
        })
    }

    /// Checks that a value may be of one type.
    pub(super) fn wanted(&mut self, ast: &Ast, want: &Type) -> Code {
        let (code, kind) = self.check(ast);
        if !kind.may_be(want) {
            self.complain(ExprError::new(ast.at, format!("expected {want}, this is {kind}")));
        }
        code
    }

    fn name(&mut self, at: usize, name: &str) -> Checked {
        let local = self
            .locals
            .iter()
            .rposition(|(local, _)| *local == Local::Named(name.to_owned()));
        if let Some((place, (_, kind))) = local.and_then(|place| Some((place, self.locals.get(place)?))) {
            return Ok((Code::Local(place), kind.clone()));
        }
        match (name, self.scope) {
            ("evt", Scope::Event | Scope::Bucket) => Ok((Code::Event, Type::Event)),
            ("queue", Scope::Bucket | Scope::Overflow) => Ok((Code::Queue, Type::Queue)),
            ("leaky", Scope::Bucket | Scope::Overflow) => Ok((Code::Leaky, Type::Leaky)),
            ("signal", Scope::Overflow) => Ok((Code::Signal, Type::Overflow)),
            ("results", Scope::ParserResults) => Ok((Code::Results, Type::ParserResults)),
            ("results", Scope::OverflowResults) => Ok((Code::Results, Type::list(Type::Event))),
            _ if functions::find(name).is_some() || ask::find(name).is_some() || CLOSURES.contains(&name) => {
                fail(at, format!("{name:?} is a function and wants its arguments"))
            }
            _ => fail(at, format!("unknown name {name:?}")),
        }
    }

    fn pointer(&mut self, at: usize, what: &str) -> Checked {
        let wanted = match what {
            "" => Local::Element,
            "index" => Local::Index,
            "acc" => Local::Accumulated,
            other => return fail(at, format!("there is no #{other}")),
        };
        let found = self.locals.iter().rposition(|(local, _)| *local == wanted);
        match found.and_then(|place| Some((place, self.locals.get(place)?))) {
            Some((place, (_, kind))) => Ok((Code::Local(place), kind.clone())),
            None => fail(at, "# stands only within a closure"),
        }
    }

    fn list(&mut self, items: &[Ast]) -> (Code, Type) {
        let texts: Option<Vec<Box<str>>> = items
            .iter()
            .map(|item| match &item.kind {
                Syntax::Text(text) => Some(text.as_str().into()),
                _ => None,
            })
            .collect();
        if let Some(texts) = texts {
            return (Code::Texts(texts.into()), Type::list(Type::Text));
        }
        let mut codes = Vec::with_capacity(items.len());
        let mut of: Option<Type> = None;
        for item in items {
            let (code, kind) = self.check(item);
            codes.push(code);
            of = Some(of.map_or(kind.clone(), |before| before.either(&kind)));
        }
        (Code::List(codes), Type::list(of.unwrap_or(Type::Any)))
    }

    fn field(&mut self, at: usize, of: Code, space: Space, name: &str) -> Checked {
        let id = if self.scope.is_test() {
            // The events were made under names that are complete; what they do not hold, events keep by name.
            let Some(id) = self.context.names.find(space, name) else {
                let code = Code::FieldNamed {
                    of: boxed(of),
                    space,
                    name: boxed(Code::Text(name.into())),
                };
                return Ok((code, Type::Text));
            };
            id
        } else {
            let Some(id) = self.context.names.intern(space, name) else {
                return fail(at, "the rules name too many fields");
            };
            id
        };
        let code = match of {
            Code::Event => Code::Field(id),
            of => Code::FieldOf(boxed(of), id),
        };
        Ok((code, Type::Text))
    }

    /// The event whose fields these are.
    fn owner(of: Code) -> Code {
        match of {
            Code::Fields(event, _) => *event,
            other => other,
        }
    }

    fn member(&mut self, at: usize, of: &Ast, name: &str, optional: bool) -> Checked {
        let (of, kind) = self.check(of);
        if let Type::Fields(space) = kind {
            return self.field(at, Self::owner(of), space, name);
        }
        if kind == Type::LineLabels {
            return Ok((Code::Label(boxed(of), name.into()), Type::Text));
        }
        match (&kind, name) {
            (Type::Leaky, "Queue") => return Ok((Code::Queue, Type::Queue)),
            (Type::Queue, "L") => {
                return Ok((Code::Get(boxed(Code::Leaky), Getter::QueueLimit), Type::Int));
            }
            _ => {}
        }
        if let Some((field, getter)) = kind.field(name) {
            let code = match (getter, &field) {
                (Getter::Same, Type::Fields(space)) => Code::Fields(boxed(of), *space),
                (Getter::Same, _) => of,
                _ => Code::Get(boxed(of), getter),
            };
            return Ok((code, field));
        }
        let code = |of, optional| Code::Member {
            of: boxed(of),
            name: name.into(),
            optional,
        };
        if let Type::MapOf(value) = kind {
            return Ok((Code::OrEmpty(boxed(code(of, optional)), empty_of(&value)), *value));
        }
        if kind.is_dynamic() {
            return Ok((code(of, optional), Type::Any));
        }
        if kind.method(name).is_some() {
            return fail(at, format!("{name} is a method and wants ()"));
        }
        fail(at, format!("unknown field {name:?} of {kind}"))
    }

    fn index(&mut self, at: usize, of: &Ast, index: &Ast, optional: bool) -> Checked {
        let (of, kind) = self.check(of);
        let (index_code, index_type) = self.check(index);
        if let (Syntax::Text(name), Type::Fields(space)) = (&index.kind, &kind) {
            return self.field(at, Self::owner(of), *space, name);
        }
        if let (Syntax::Text(name), Type::LineLabels) = (&index.kind, &kind) {
            return Ok((Code::Label(boxed(of), name.as_str().into()), Type::Text));
        }
        let by = match &kind {
            Type::Fields(_)
            | Type::Unmarshaled
            | Type::MapOf(_)
            | Type::Sources
            | Type::ParserResults
            | Type::StageResults => Type::Text,
            Type::List(_) | Type::Text => Type::Int,
            Type::Any | Type::Map => Type::Any,
            _ => return fail(at, format!("{kind} cannot be indexed")),
        };
        if !index_type.may_be(&by) {
            return fail(index.at, format!("expected {by}, this is {index_type}"));
        }
        let code = |of, at| Code::Index {
            of: boxed(of),
            at: boxed(at),
            optional,
        };
        Ok(match kind {
            Type::Fields(space) => {
                let (of, name) = (boxed(Self::owner(of)), boxed(index_code));
                (Code::FieldNamed { of, space, name }, Type::Text)
            }
            Type::MapOf(value) => (
                Code::OrEmpty(boxed(code(of, index_code)), empty_of(&value)),
                *value,
            ),
            kind => (code(of, index_code), kind.element()),
        })
    }

    fn slice(&mut self, at: usize, of: &Ast, from: Option<&Ast>, to: Option<&Ast>) -> Checked {
        let (of, kind) = self.check(of);
        if !matches!(kind, Type::Any | Type::Text | Type::List(_)) {
            return fail(at, format!("{kind} cannot be sliced"));
        }
        let mut bound = |ast: Option<&Ast>| ast.map(|ast| boxed(self.wanted(ast, &Type::Int)));
        let (from, to) = (bound(from), bound(to));
        let of = boxed(of);
        Ok((Code::Slice { of, from, to }, kind))
    }

    fn binary(&mut self, at: usize, op: Op, left: &Ast, right: &Ast) -> Checked {
        let (left_at, right_at) = (left.at, right.at);
        if op == Op::Matches {
            return self.matches(left, right);
        }
        let (left, left_type) = self.check(left);
        let (right, right_type) = self.check(right);
        let mismatch = || {
            fail(
                at,
                format!("{left_type} and {right_type} do not go together here"),
            )
        };
        match op {
            Op::Equal | Op::Unequal => {
                if !left_type.comparable(&right_type) {
                    return mismatch();
                }
                let negated = op == Op::Unequal;
                let code = match (left, right) {
                    (Code::Field(id), Code::Text(text)) | (Code::Text(text), Code::Field(id)) => {
                        let is = Code::FieldIs(id, text);
                        if negated { Code::Not(boxed(is)) } else { is }
                    }
                    (left, right) => Code::Equal {
                        left: boxed(left),
                        right: boxed(right),
                        negated,
                    },
                };
                Ok((code, Type::Bool))
            }
            Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual => {
                let orders = |kind: &Type| {
                    kind.is_number() || matches!(kind, Type::Text | Type::Time | Type::Duration)
                };
                if !orders(&left_type) || !left_type.comparable(&right_type) {
                    return mismatch();
                }
                Ok((
                    Code::Order {
                        op,
                        left: boxed(left),
                        right: boxed(right),
                    },
                    Type::Bool,
                ))
            }
            Op::Contains | Op::StartsWith | Op::EndsWith => {
                for (kind, at) in [(&left_type, left_at), (&right_type, right_at)] {
                    if !kind.may_be(&Type::Text) {
                        return fail(at, format!("expected a text, this is {kind}"));
                    }
                }
                let left = boxed(left);
                let code = match right {
                    Code::Text(text) => Code::SearchText(op, left, Box::new(Searched::new(text))),
                    right => Code::Search {
                        op,
                        left,
                        right: boxed(right),
                    },
                };
                Ok((code, Type::Bool))
            }
            Op::In => Self::contained(right_at, (left, left_type), (right, right_type)),
            Op::Plus | Op::Minus | Op::Times | Op::Divide | Op::Modulo | Op::Power => {
                let Some(kind) = sum_type(op, &left_type, &right_type) else {
                    return mismatch();
                };
                let (left, right) = (boxed(left), boxed(right));
                Ok((Code::Sum { op, left, right }, kind))
            }
            Op::Coalesce => Ok((
                Code::Coalesce(boxed(left), boxed(right)),
                left_type.either(&right_type),
            )),
            Op::And | Op::Or | Op::Matches | Op::Pipe | Op::Range => mismatch(),
        }
    }

    fn contained(right_at: usize, left: (Code, Type), right: (Code, Type)) -> Checked {
        let ((left, left_type), (right, right_type)) = (left, right);
        let code = match (left, right, &right_type) {
            (left, right, Type::Fields(space)) => {
                if !left_type.may_be(&Type::Text) {
                    return fail(right_at, format!("{left_type} is never in {right_type}"));
                }
                Code::HasField {
                    of: boxed(Self::owner(right)),
                    space: *space,
                    name: boxed(left),
                }
            }
            (_, _, Type::List(of)) if !of.comparable(&left_type) => {
                return fail(right_at, format!("{left_type} is never in {right_type}"));
            }
            (Code::Field(id), Code::Texts(texts), _) => {
                Code::FieldIn(id, TextSet::new(texts.iter().cloned()))
            }
            (left, Code::Texts(texts), _) => Code::InSet(boxed(left), TextSet::new(texts.iter().cloned())),
            (
                left,
                right,
                Type::List(_) | Type::Any | Type::Map | Type::MapOf(_) | Type::Unmarshaled | Type::Nil,
            ) => Code::In(boxed(left), boxed(right)),
            _ => return fail(right_at, format!("expected a list, this is {right_type}")),
        };
        Ok((code, Type::Bool))
    }

    fn matches(&mut self, left: &Ast, right: &Ast) -> Checked {
        let subject = boxed(self.wanted(left, &Type::Text));
        let pattern = self.wanted(right, &Type::Text);
        let Code::Text(constant) = &pattern else {
            return Ok((
                Code::MatchesComputed(subject, boxed(pattern), Computed::default()),
                Type::Bool,
            ));
        };
        let regex = re2::compile(constant)
            .map_err(|error| ExprError::new(right.at, format!("bad pattern: {error}")))?;
        Ok((Code::Matches(subject, regex), Type::Bool))
    }
}

fn empty_of(value: &Type) -> Empty {
    if *value == Type::Text {
        Empty::Text
    } else {
        Empty::List
    }
}

/// The type of a sum, a difference and their like; `None` if the two do not go together.
fn sum_type(op: Op, left: &Type, right: &Type) -> Option<Type> {
    use Type::{Any, Duration, Float, Int, Text, Time};
    let same = |kind: &Type| left == kind && right == kind;
    match op {
        Op::Plus if same(&Text) => return Some(Text),
        Op::Plus if left.may_be(&Text) && right.may_be(&Text) => {
            return Some(if *left == Text || *right == Text {
                Text
            } else {
                Any
            });
        }
        Op::Plus | Op::Minus if same(&Duration) => return Some(Duration),
        Op::Minus if same(&Time) => return Some(Duration),
        Op::Plus | Op::Minus if (left, right) == (&Time, &Duration) => return Some(Time),
        Op::Plus if (left, right) == (&Duration, &Time) => return Some(Time),
        Op::Times if matches!((left, right), (Duration, Int) | (Int, Duration)) => return Some(Duration),
        _ => {}
    }
    let times = [Time, Duration];
    if times.contains(left) && *right == Any || times.contains(right) && *left == Any {
        return Some(Any);
    }
    if !left.is_number() || !right.is_number() {
        return None;
    }
    Some(match op {
        Op::Divide | Op::Power => Float,
        Op::Modulo if *left == Float || *right == Float => return None,
        Op::Modulo => Int,
        _ if *left == Float || *right == Float => Float,
        _ if *left == Any || *right == Any => Any,
        _ => Int,
    })
}
