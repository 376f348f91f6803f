//! Syntax to code: types are checked, fields become slots, patterns are compiled.
//!
//! What cannot work is refused here, with the place of the word that is wrong, and not while lines run.

mod call;

use super::Context;
use super::ExprError;
use super::code::{Code, Getter, TextSet};
use super::functions;
use super::syntax::{Ast, CLOSURES, Op, Syntax};
use super::types::{Scope, Type};
use crate::grok::re2;
use crate::parse::names::Space;

type Checked = Result<(Code, Type), ExprError>;

pub(super) struct Checker<'c, 'd> {
    pub(super) context: &'c mut Context<'d>,
    pub(super) scope: Scope,
    /// `let` names and the elements of closures, outermost first.
    pub(super) locals: Vec<(Local, Type)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Local {
    Element,
    Index,
    Named(String),
}

fn fail<T>(at: usize, message: impl Into<String>) -> Result<T, ExprError> {
    Err(ExprError::new(at, message))
}

fn boxed(code: Code) -> Box<Code> {
    Box::new(code)
}

// === impl Checker ===

impl Checker<'_, '_> {
    pub(super) fn check(&mut self, ast: &Ast) -> Checked {
        let at = ast.at;
        Ok(match &ast.kind {
            Syntax::Nil => (Code::Nil, Type::Nil),
            Syntax::Bool(is) => (Code::Bool(*is), Type::Bool),
            Syntax::Int(number) => (Code::Int(*number), Type::Int),
            Syntax::Float(number) => (Code::Float(*number), Type::Float),
            Syntax::Text(text) => (Code::Text(text.as_str().into()), Type::Text),
            Syntax::Name(name) => return self.name(at, name),
            Syntax::Pointer(what) => return self.pointer(at, what),
            Syntax::List(items) => return self.list(items),
            Syntax::Map(entries) => {
                let mut checked = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    checked.push((key.as_str().into(), self.check(value)?.0));
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
                let (code, _) = self.check(inner)?;
                (Code::Chain(boxed(code)), Type::Any)
            }
            Syntax::Call { callee, args } => return self.call(at, callee, args),
            Syntax::Closure(_) => {
                return fail(
                    at,
                    "a closure stands only as the last argument of any, all, filter and their like",
                );
            }
            Syntax::Not(inner) => (Code::Not(boxed(self.wanted(inner, &Type::Bool)?)), Type::Bool),
            Syntax::Minus(inner) => {
                let (code, kind) = self.check(inner)?;
                if !kind.is_number() && kind != Type::Duration {
                    return fail(at, format!("{kind} has no negative"));
                }
                (Code::Minus(boxed(code)), kind)
            }
            Syntax::Many { op, items } => {
                let mut codes = Vec::with_capacity(items.len());
                for item in items {
                    codes.push(self.wanted(item, &Type::Bool)?);
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
                let test = boxed(self.wanted(test, &Type::Bool)?);
                let (yes, yes_type) = self.check(yes)?;
                let (no, no_type) = self.check(no)?;
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
                let (value, kind) = self.check(value)?;
                self.locals.push((Local::Named(name.clone()), kind));
                let body = self.check(body);
                self.locals.pop();
                let (body, kind) = body?;
                (Code::Let(boxed(value), boxed(body)), kind)
            }
        })
    }

    /// Checks that a value may be of one type.
    pub(super) fn wanted(&mut self, ast: &Ast, want: &Type) -> Result<Code, ExprError> {
        let (code, kind) = self.check(ast)?;
        if !kind.may_be(want) {
            return fail(ast.at, format!("expected {want}, this is {kind}"));
        }
        Ok(code)
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
            ("signal", Scope::Overflow) => Ok((Code::Signal, Type::Overflow)),
            ("results", Scope::ParserResults) => Ok((Code::Results, Type::ParserResults)),
            ("results", Scope::OverflowResults) => Ok((Code::Results, Type::list(Type::Event))),
            _ if functions::find(name).is_some() || CLOSURES.contains(&name) => {
                fail(at, format!("{name:?} is a function and wants its arguments"))
            }
            _ => fail(at, format!("unknown name {name:?}")),
        }
    }

    fn pointer(&mut self, at: usize, what: &str) -> Checked {
        let wanted = match what {
            "" => Local::Element,
            "index" => Local::Index,
            other => return fail(at, format!("#{other} is not supported")),
        };
        let found = self.locals.iter().rposition(|(local, _)| *local == wanted);
        match found.and_then(|place| Some((place, self.locals.get(place)?))) {
            Some((place, (_, kind))) => Ok((Code::Local(place), kind.clone())),
            None => fail(at, "# stands only within a closure"),
        }
    }

    fn list(&mut self, items: &[Ast]) -> Checked {
        let texts: Option<Vec<Box<str>>> = items
            .iter()
            .map(|item| match &item.kind {
                Syntax::Text(text) => Some(text.as_str().into()),
                _ => None,
            })
            .collect();
        if let Some(texts) = texts {
            return Ok((Code::Texts(texts.into()), Type::list(Type::Text)));
        }
        let mut codes = Vec::with_capacity(items.len());
        let mut of: Option<Type> = None;
        for item in items {
            let (code, kind) = self.check(item)?;
            codes.push(code);
            of = Some(of.map_or(kind.clone(), |before| before.either(&kind)));
        }
        Ok((Code::List(codes), Type::list(of.unwrap_or(Type::Any))))
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
        let code = if matches!(of, Code::Event) {
            Code::Field(id)
        } else {
            Code::FieldOf(boxed(of), id)
        };
        Ok((code, Type::Text))
    }

    fn member(&mut self, at: usize, of: &Ast, name: &str, optional: bool) -> Checked {
        let (of, kind) = self.check(of)?;
        if let Type::Fields(space) = kind {
            return self.field(at, of, space, name);
        }
        if kind == Type::LineLabels {
            return Ok((Code::Label(boxed(of), name.into()), Type::Text));
        }
        if let Some((field, getter)) = kind.field(name) {
            let code = if getter == Getter::Same {
                of
            } else {
                Code::Get(boxed(of), getter)
            };
            return Ok((code, field));
        }
        if kind.is_dynamic() {
            return Ok((
                Code::Member {
                    of: boxed(of),
                    name: name.into(),
                    optional,
                },
                Type::Any,
            ));
        }
        if kind.method(name).is_some() {
            return fail(at, format!("{name} is a method and wants ()"));
        }
        fail(at, format!("unknown field {name:?} of {kind}"))
    }

    fn index(&mut self, at: usize, of: &Ast, index: &Ast, optional: bool) -> Checked {
        let (of, kind) = self.check(of)?;
        let (index_code, index_type) = self.check(index)?;
        if let (Syntax::Text(name), Type::Fields(space)) = (&index.kind, &kind) {
            return self.field(at, of, *space, name);
        }
        if let (Syntax::Text(name), Type::LineLabels) = (&index.kind, &kind) {
            return Ok((Code::Label(boxed(of), name.as_str().into()), Type::Text));
        }
        let by = match &kind {
            Type::Fields(_)
            | Type::Map
            | Type::Unmarshaled
            | Type::Sources
            | Type::ParserResults
            | Type::StageResults => Type::Text,
            Type::List(_) | Type::Text => Type::Int,
            Type::Any => Type::Any,
            _ => return fail(at, format!("{kind} cannot be indexed")),
        };
        if !index_type.may_be(&by) {
            return fail(index.at, format!("expected {by}, this is {index_type}"));
        }
        Ok(match kind {
            Type::Fields(space) => (
                Code::FieldNamed {
                    of: boxed(of),
                    space,
                    name: boxed(index_code),
                },
                Type::Text,
            ),
            kind => (
                Code::Index {
                    of: boxed(of),
                    at: boxed(index_code),
                    optional,
                },
                kind.element(),
            ),
        })
    }

    fn slice(&mut self, at: usize, of: &Ast, from: Option<&Ast>, to: Option<&Ast>) -> Checked {
        let (of, kind) = self.check(of)?;
        if !matches!(kind, Type::Any | Type::Text | Type::List(_)) {
            return fail(at, format!("{kind} cannot be sliced"));
        }
        let mut bound = |ast: Option<&Ast>| {
            ast.map(|ast| self.wanted(ast, &Type::Int).map(Box::new))
                .transpose()
        };
        let (from, to) = (bound(from)?, bound(to)?);
        Ok((
            Code::Slice {
                of: boxed(of),
                from,
                to,
            },
            kind,
        ))
    }

    fn binary(&mut self, at: usize, op: Op, left: &Ast, right: &Ast) -> Checked {
        let (left_at, right_at) = (left.at, right.at);
        if op == Op::Matches {
            return self.matches(left, right);
        }
        let (left, left_type) = self.check(left)?;
        let (right, right_type) = self.check(right)?;
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
                Ok((
                    Code::Search {
                        op,
                        left: boxed(left),
                        right: boxed(right),
                    },
                    Type::Bool,
                ))
            }
            Op::In => Self::contained(right_at, (left, left_type), (right, right_type)),
            Op::Plus | Op::Minus | Op::Times | Op::Divide | Op::Modulo => {
                let numbers = left_type.is_number() && right_type.is_number();
                let texts = op == Op::Plus && left_type.may_be(&Type::Text) && right_type.may_be(&Type::Text);
                let times = matches!(
                    (&left_type, &right_type),
                    (Type::Time, Type::Time | Type::Duration) | (Type::Duration, Type::Duration)
                ) && matches!(op, Op::Plus | Op::Minus);
                if !(numbers || texts || times) {
                    return mismatch();
                }
                let kind = match (&left_type, &right_type) {
                    (Type::Time, Type::Time) => Type::Duration,
                    (Type::Int, Type::Int) if op != Op::Divide => Type::Int,
                    (Type::Int, Type::Float | Type::Int) | (Type::Float, Type::Int) => Type::Float,
                    _ if left_type == right_type => left_type,
                    (Type::Time, _) => Type::Time,
                    (Type::Text, _) | (_, Type::Text) => Type::Text,
                    _ => Type::Any,
                };
                Ok((
                    Code::Sum {
                        op,
                        left: boxed(left),
                        right: boxed(right),
                    },
                    kind,
                ))
            }
            Op::Coalesce => Ok((
                Code::Coalesce(boxed(left), boxed(right)),
                left_type.either(&right_type),
            )),
            Op::And | Op::Or | Op::Matches => mismatch(),
        }
    }

    fn contained(right_at: usize, left: (Code, Type), right: (Code, Type)) -> Checked {
        let ((left, left_type), (right, right_type)) = (left, right);
        match &right_type {
            Type::List(of) if !of.comparable(&left_type) => {
                return fail(right_at, format!("{left_type} is never in {right_type}"));
            }
            Type::List(_) | Type::Any | Type::Map | Type::Unmarshaled | Type::Fields(_) => {}
            _ => return fail(right_at, format!("expected a list, this is {right_type}")),
        }
        let code = match (left, right) {
            (Code::Field(id), Code::Texts(texts)) => Code::FieldIn(id, TextSet::new(texts.iter().cloned())),
            (left, Code::Texts(texts)) => Code::InSet(boxed(left), TextSet::new(texts.iter().cloned())),
            (left, right) => Code::In(boxed(left), boxed(right)),
        };
        Ok((code, Type::Bool))
    }

    fn matches(&mut self, left: &Ast, right: &Ast) -> Checked {
        let subject = boxed(self.wanted(left, &Type::Text)?);
        let pattern = self.wanted(right, &Type::Text)?;
        let constant = match (&pattern, &right.kind) {
            (Code::Text(text), _) => Some(text.to_string()),
            // `Upper('...')` around a pattern is an idiom of the hub.
            (Code::Call(function, args), _) => match (function.name, args.as_slice()) {
                ("Upper" | "upper", [Code::Text(text)]) => Some(text.to_uppercase()),
                ("Lower" | "lower", [Code::Text(text)]) => Some(text.to_lowercase()),
                _ => None,
            },
            _ => None,
        };
        let Some(constant) = constant else {
            return Ok((Code::MatchesComputed(subject, boxed(pattern)), Type::Bool));
        };
        let regex = re2::compile(&constant)
            .map_err(|error| ExprError::new(right.at, format!("bad pattern: {error}")))?;
        Ok((Code::Matches(subject, regex), Type::Bool))
    }
}
