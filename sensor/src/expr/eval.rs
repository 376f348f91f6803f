//! Runs compiled expressions. Nothing is allocated for comparing, searching and choosing.

mod access;
mod closure;
pub(super) mod fuel;
mod overflow;

use std::borrow::Cow;
use std::cmp::Ordering;

use self::access::{contained, get, index, member, slice};
use super::code::{Code, Empty};
use super::syntax::Op;
use super::value::{Object, Value};
use super::{Env, EvalError, ask};
use crate::parse::event::Event;

/// Why running stopped before there was a value.
enum Stop {
    Failed(EvalError),
    /// `?.` met nil: the rest of the chain is nil.
    Skip,
}

type Ran<'a> = Result<Value<'a>, Stop>;

impl From<EvalError> for Stop {
    fn from(error: EvalError) -> Self {
        Self::Failed(error)
    }
}

fn fail<T>(message: &'static str) -> Result<T, Stop> {
    Err(Stop::Failed(message.into()))
}

/// Runs a whole expression.
pub(super) fn run<'a>(code: &'a Code, env: Env<'a>) -> Result<Value<'a>, EvalError> {
    let mut machine = Machine {
        env,
        locals: Vec::new(),
        turns: fuel::MAX_TURNS,
        bytes: fuel::MAX_MADE_BYTES,
    };
    match machine.run(code) {
        Ok(value) => Ok(value),
        Err(Stop::Failed(error)) => {
            if fuel::is_bound(&error) {
                *env.event.ended.borrow_mut() += 1;
            }
            Err(error)
        }
        Err(Stop::Skip) => Ok(Value::Nil),
    }
}

/// How long a list that is written as a range may be.
const MAX_RANGE: i64 = 100_000;

struct Machine<'a> {
    env: Env<'a>,
    locals: Vec<Value<'a>>,
    turns: usize,
    bytes: usize,
}

// === impl Machine ===

impl<'a> Machine<'a> {
    fn run(&mut self, code: &'a Code) -> Ran<'a> {
        Ok(match code {
            Code::Nil => Value::Nil,
            Code::Bool(is) => Value::Bool(*is),
            Code::Int(number) => Value::Int(*number),
            Code::Float(number) => Value::Float(*number),
            Code::Duration(nanos) => Value::Duration(*nanos),
            Code::Text(text) => Value::text(text),
            Code::Texts(texts) => Value::Texts(texts),
            Code::Event => Value::Object(Object::Event(self.env.event)),
            Code::Queue => Value::Events(self.env.queue),
            Code::Signal => match self.env.signal {
                Some(overflow) => Value::Object(Object::Overflow(overflow)),
                None => return fail("there is no signal here"),
            },
            Code::Leaky => match self.env.leaky {
                Some(leaky) => Value::Object(Object::Leaky(leaky)),
                None => return fail("there is no bucket here"),
            },
            Code::Results => match self.env.results {
                Some(results) => results.value(),
                None => return fail("there are no results here"),
            },
            Code::Local(place) => {
                let value = self.locals.get(*place).cloned().unwrap_or(Value::Nil);
                self.copied(&value)?;
                value
            }
            Code::Field(id) => Value::text(self.env.event.get(*id)),
            Code::FieldIs(id, text) => Value::Bool(self.env.event.get(*id) == &**text),
            Code::FieldIn(id, set) => Value::Bool(set.contains(self.env.event.get(*id))),
            Code::FieldOf(of, id) => Value::text(self.event(of)?.get(*id)),
            Code::FieldNamed { of, space, name } => {
                let event = self.event(of)?;
                Value::text(event.get_named(*space, &self.text(name)?))
            }
            Code::And(items) => {
                for item in items {
                    if !self.test(item)? {
                        return Ok(Value::Bool(false));
                    }
                }
                Value::Bool(true)
            }
            Code::Or(items) => {
                for item in items {
                    if self.test(item)? {
                        return Ok(Value::Bool(true));
                    }
                }
                Value::Bool(false)
            }
            Code::Not(inner) => Value::Bool(!self.test(inner)?),
            Code::Choice { test, yes, no } => {
                let branch = if self.test(test)? { yes } else { no };
                return self.run(branch);
            }
            Code::Chain(inner) => match self.run(inner) {
                Err(Stop::Skip) => Value::Nil,
                other => return other,
            },
            Code::Coalesce(left, right) => match self.run(left) {
                Ok(value) if !value.is_nil() => value,
                Ok(_) | Err(Stop::Skip) => return self.run(right),
                Err(failed) => return Err(failed),
            },
            Code::InSet(subject, set) => {
                let subject = self.run(subject)?;
                Value::Bool(subject.as_str().is_some_and(|text| set.contains(text)))
            }
            Code::Equal { left, right, negated } => {
                let (left, right) = (self.run(left)?, self.run(right)?);
                Value::Bool(left.equals(&right) != *negated)
            }
            Code::Order { op, left, right } => {
                let (left, right) = (self.run(left)?, self.run(right)?);
                let Some(order) = left.compare(&right) else {
                    return fail("these have no order");
                };
                Value::Bool(match op {
                    Op::Less => order == Ordering::Less,
                    Op::LessEqual => order != Ordering::Greater,
                    Op::Greater => order == Ordering::Greater,
                    _ => order != Ordering::Less,
                })
            }
            Code::Search { op, left, right } => {
                let (left, right) = (self.text(left)?, self.text(right)?);
                self.searched(left.len())?;
                Value::Bool(match op {
                    Op::Contains => left.contains(&*right),
                    Op::StartsWith => left.starts_with(&*right),
                    _ => left.ends_with(&*right),
                })
            }
            Code::SearchText(op, left, searched) => {
                let left = self.text(left)?;
                self.searched(left.len())?;
                Value::Bool(searched.stands_in(*op, &left))
            }
            Code::Matches(subject, regex) => {
                let subject = self.text(subject)?;
                self.searched(subject.len())?;
                Value::Bool(regex.is_match(&subject))
            }
            Code::MatchesComputed(subject, pattern, computed) => {
                let (subject, pattern) = (self.text(subject)?, self.text(pattern)?);
                self.searched(subject.len().saturating_mul(4))?;
                Value::Bool(computed.get(&pattern)?.is_match(&subject))
            }
            Code::AnyPattern(subject, patterns) => {
                let subject = self.text(subject)?;
                Value::Bool(patterns.is_match(&subject))
            }
            _ => return self.run_rare(code),
        })
    }

    /// What filters seldom do, apart so that [`Machine::run`] stays small on the stack.
    #[inline(never)]
    fn run_rare(&mut self, code: &'a Code) -> Ran<'a> {
        Ok(match code {
            Code::Fields(of, space) => Value::Object(Object::Fields(self.event(of)?, *space)),
            Code::HasField { of, space, name } => {
                let event = self.event(of)?;
                Value::Bool(event.is_set(*space, &self.text(name)?))
            }
            Code::OrEmpty(inner, empty) => match self.run(inner)? {
                nil if !nil.is_nil() => nil,
                _ if *empty == Empty::Text => Value::text(""),
                _ => Value::List(Vec::new()),
            },
            Code::Sequence(items) => {
                let mut last = Value::Nil;
                for item in items {
                    last = self.run(item)?;
                }
                last
            }
            Code::Range(from, to) => {
                let (from, to) = (self.int(from)?, self.int(to)?);
                if to.saturating_sub(from) >= MAX_RANGE {
                    return fail("the range is too long");
                }
                let list = Value::List((from..=to).map(Value::Int).collect());
                return self.made(list);
            }
            Code::Rows(table) => {
                self.spend(table.rows.len())?;
                let rows = table.rows.iter().map(|row| {
                    let entries = row
                        .iter()
                        .map(|(name, value)| (Cow::Borrowed(&**name), Value::text(value)));
                    Value::Map(entries.collect())
                });
                Value::List(rows.collect())
            }
            Code::LookUp(subject, table) => Value::text(table.find(&self.text(subject)?).unwrap_or("")),
            Code::Ask(what, args, outside) => {
                let args = args
                    .iter()
                    .map(|arg| self.run(arg))
                    .collect::<Result<Vec<_>, _>>()?;
                let answer = ask::run(*what, &args, outside, &self.env)?;
                return self.made(answer);
            }
            Code::Get(of, getter) => {
                let of = self.run(of)?;
                return get(&of, *getter);
            }
            Code::Label(of, name) => Value::text(self.event(of)?.label(name)),
            Code::Member { of, name, optional } => {
                let of = self.run(of)?;
                self.spend(of.members())?;
                return member(&of, name, *optional);
            }
            Code::Index { of, at, optional } => {
                let (of, at) = (self.run(of)?, self.run(at)?);
                self.spend(of.members())?;
                return index(&of, &at, *optional);
            }
            Code::Slice { of, from, to } => {
                let of = self.run(of)?;
                let from = from.as_deref().map(|from| self.int(from)).transpose()?;
                let to = to.as_deref().map(|to| self.int(to)).transpose()?;
                let part = slice(of, from, to)?;
                return self.made(part);
            }
            Code::List(items) => {
                let mut values = Vec::with_capacity(items.len());
                for item in items {
                    let item = self.run(item)?;
                    values.push(self.made(item)?);
                }
                Value::List(values)
            }
            Code::Map(entries) => {
                let mut values = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    let key = match self.run(key)? {
                        Value::Text(key) => key,
                        other => Cow::Owned(other.display().into_owned()),
                    };
                    let value = self.run(value)?;
                    values.push((key, self.made(value)?));
                }
                Value::Map(values)
            }
            Code::Minus(inner) => match self.run(inner)? {
                Value::Int(number) => Value::Int(number.saturating_neg()),
                Value::Duration(nanos) => Value::Duration(nanos.saturating_neg()),
                other => Value::Float(-other.as_float().ok_or(Stop::Failed("not a number".into()))?),
            },
            Code::In(left, right) => {
                let (left, right) = (self.run(left)?, self.run(right)?);
                self.spend(right.members())?;
                return contained(&left, &right).map(Value::Bool);
            }
            Code::Sum { op, left, right } => {
                let (left, right) = (self.run(left)?, self.run(right)?);
                return self.sum(*op, left, &right);
            }
            Code::Let(value, body) => {
                let value = self.run(value)?;
                let depth = self.locals.len();
                self.locals.push(value);
                let result = self.run(body);
                self.locals.truncate(depth);
                return result;
            }
            Code::Closure {
                what,
                list,
                body,
                with,
            } => return self.closure(*what, list, body.as_deref(), with.as_deref()),
            Code::Call(function, args) => {
                let mut few = [Value::Nil, Value::Nil, Value::Nil, Value::Nil];
                if let Some(values) = few.get_mut(..args.len()) {
                    for (value, arg) in values.iter_mut().zip(args) {
                        *value = self.run(arg)?;
                    }
                    self.work(values)?;
                    let made = (function.run)(values, &self.env)?;
                    return self.made(made);
                }
                let mut values = args
                    .iter()
                    .map(|arg| self.run(arg))
                    .collect::<Result<Vec<_>, _>>()?;
                self.work(&values)?;
                let made = (function.run)(&mut values, &self.env)?;
                return self.made(made);
            }
            Code::Set { space, name, value } => {
                let (name, value) = (self.text(name)?.into_owned(), self.text(value)?.into_owned());
                self.made_bytes(name.len() + value.len())?;
                self.env.event.pending.borrow_mut().push((*space, name, value));
                Value::Bool(true)
            }
            _ => return fail("not reached"),
        })
    }

    fn test(&mut self, code: &'a Code) -> Result<bool, Stop> {
        match self.run(code)?.as_bool() {
            Some(is) => Ok(is),
            None => fail("neither true nor false"),
        }
    }

    fn text(&mut self, code: &'a Code) -> Result<Cow<'a, str>, Stop> {
        self.run(code)?
            .into_text()
            .ok_or_else(|| Stop::Failed("not a text".into()))
    }

    fn int(&mut self, code: &'a Code) -> Result<i64, Stop> {
        match self.run(code)? {
            Value::Int(number) => Ok(number),
            _ => fail("not a whole number"),
        }
    }

    fn event(&mut self, code: &'a Code) -> Result<&'a Event, Stop> {
        match self.run(code)? {
            Value::Object(Object::Event(event) | Object::Unmarshaled(event)) => Ok(event),
            _ => fail("not an event"),
        }
    }
}
