//! Runs compiled expressions. Nothing is allocated for comparing, searching and choosing.

mod overflow;

use std::borrow::Cow;
use std::cmp::Ordering;

use super::code::{Closure, Code, Getter};
use super::syntax::Op;
use super::value::{Object, Value};
use super::{Env, EvalError, results};
use crate::grok::re2;
use crate::line::Position;
use crate::parse::event::Event;
use crate::parse::json::Json;
use crate::parse::overflow::NOBODY;

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
    };
    match machine.run(code) {
        Ok(value) => Ok(value),
        Err(Stop::Failed(error)) => Err(error),
        Err(Stop::Skip) => Ok(Value::Nil),
    }
}

struct Machine<'a> {
    env: Env<'a>,
    locals: Vec<Value<'a>>,
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
            Code::Results => match self.env.results {
                Some(results) => results.value(),
                None => return fail("there are no results here"),
            },
            Code::Local(place) => self.locals.get(*place).cloned().unwrap_or(Value::Nil),
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
                Value::Bool(match op {
                    Op::Contains => left.contains(&*right),
                    Op::StartsWith => left.starts_with(&*right),
                    _ => left.ends_with(&*right),
                })
            }
            Code::Matches(subject, regex) => Value::Bool(regex.is_match(&self.text(subject)?)),
            Code::MatchesComputed(subject, pattern) => {
                let (subject, pattern) = (self.text(subject)?, self.text(pattern)?);
                let Ok(regex) = re2::compile(&pattern) else {
                    return fail("bad pattern");
                };
                Value::Bool(regex.is_match(&subject))
            }
            Code::AnyPattern(subject, patterns) => {
                let subject = self.text(subject)?;
                Value::Bool(patterns.iter().any(|pattern| pattern.is_match(&subject)))
            }
            _ => return self.run_rare(code),
        })
    }

    /// What filters seldom do, apart so that [`Machine::run`] stays small on the stack.
    #[inline(never)]
    fn run_rare(&mut self, code: &'a Code) -> Ran<'a> {
        Ok(match code {
            Code::Get(of, getter) => {
                let of = self.run(of)?;
                return get(&of, *getter);
            }
            Code::Label(of, name) => Value::text(self.event(of)?.label(name)),
            Code::Member { of, name, optional } => {
                let of = self.run(of)?;
                return member(&of, name, *optional);
            }
            Code::Index { of, at, optional } => {
                let (of, at) = (self.run(of)?, self.run(at)?);
                return index(&of, &at, *optional);
            }
            Code::Slice { of, from, to } => {
                let of = self.run(of)?;
                let from = from.as_deref().map(|from| self.int(from)).transpose()?;
                let to = to.as_deref().map(|to| self.int(to)).transpose()?;
                return slice(of, from, to);
            }
            Code::List(items) => Value::List(
                items
                    .iter()
                    .map(|item| self.run(item))
                    .collect::<Result<_, _>>()?,
            ),
            Code::Map(entries) => {
                let mut values = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    values.push((Cow::Borrowed(&**key), self.run(value)?));
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
                return contained(&left, &right).map(Value::Bool);
            }
            Code::Sum { op, left, right } => {
                let (left, right) = (self.run(left)?, self.run(right)?);
                return sum(*op, left, &right);
            }
            Code::Let(value, body) => {
                let value = self.run(value)?;
                let depth = self.locals.len();
                self.locals.push(value);
                let result = self.run(body);
                self.locals.truncate(depth);
                return result;
            }
            Code::Closure { what, list, body } => return self.closure(*what, list, body),
            Code::Call(function, args) => {
                let mut few = [Value::Nil, Value::Nil, Value::Nil, Value::Nil];
                if let Some(values) = few.get_mut(..args.len()) {
                    for (value, arg) in values.iter_mut().zip(args) {
                        *value = self.run(arg)?;
                    }
                    return Ok((function.run)(values, &self.env)?);
                }
                let mut values = args
                    .iter()
                    .map(|arg| self.run(arg))
                    .collect::<Result<Vec<_>, _>>()?;
                (function.run)(&mut values, &self.env)?
            }
            Code::Set { space, name, value } => {
                let (name, value) = (self.text(name)?.into_owned(), self.text(value)?.into_owned());
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

    fn closure(&mut self, what: Closure, list: &'a Code, body: &'a Code) -> Ran<'a> {
        let list = self.run(list)?;
        let len = list.len().filter(|_| list.as_str().is_none());
        let Some(len) = len else { return fail("not a list") };
        let depth = self.locals.len();
        let (mut kept, mut count) = (Vec::new(), 0_i64);
        for at in 0..len {
            let item = list.item(at).unwrap_or(Value::Nil);
            let number = i64::try_from(at).unwrap_or(i64::MAX);
            self.locals.push(item.clone());
            self.locals.push(Value::Int(number));
            let result = if what == Closure::Map {
                self.run(body).map(|value| {
                    kept.push(value);
                    true
                })
            } else {
                self.test(body)
            };
            self.locals.truncate(depth);
            let is = result?;
            count += i64::from(is);
            match what {
                Closure::Any if is => return Ok(Value::Bool(true)),
                Closure::All if !is => return Ok(Value::Bool(false)),
                Closure::None if is => return Ok(Value::Bool(false)),
                Closure::Find if is => return Ok(item),
                Closure::FindIndex if is => return Ok(Value::Int(number)),
                Closure::Filter if is => kept.push(item),
                _ => {}
            }
        }
        Ok(match what {
            Closure::All | Closure::None => Value::Bool(true),
            Closure::Any => Value::Bool(false),
            Closure::One => Value::Bool(count == 1),
            Closure::Count => Value::Int(count),
            Closure::Filter | Closure::Map => Value::List(kept),
            Closure::Find | Closure::FindIndex => Value::Nil,
        })
    }
}

fn get<'a>(of: &Value<'a>, getter: Getter) -> Ran<'a> {
    match of {
        Value::Object(Object::Event(event)) => Ok(get_event(event, getter)),
        Value::Object(Object::Overflow(overflow)) => Ok(overflow::get(overflow, getter)),
        Value::Object(Object::Source(source)) => Ok(overflow::get_source(source, getter)),
        Value::Object(Object::NodeResult(result)) => Ok(match getter {
            Getter::ResultEvent => Value::Object(Object::Event(&result.event)),
            _ => Value::Bool(result.success),
        }),
        Value::Time(time) => Ok(match getter {
            Getter::Hour => Value::Int(time.as_secs().div_euclid(3_600).rem_euclid(24)),
            Getter::Minute => Value::Int(time.as_secs().div_euclid(60).rem_euclid(60)),
            Getter::Unix => Value::Int(time.as_secs()),
            _ => Value::text(crate::parse::date::weekday(*time)),
        }),
        // An event that is no overflow has an empty one, as in the original.
        Value::Nil => Ok(overflow::get_missing(getter)),
        _ => fail("it has no such field"),
    }
}

fn get_event(event: &Event, getter: Getter) -> Value<'_> {
    match getter {
        Getter::Unmarshaled => Value::Object(Object::Unmarshaled(event)),
        Getter::Overflow => event
            .overflow
            .as_deref()
            .map_or(Value::Nil, |it| Value::Object(Object::Overflow(it))),
        Getter::Time => Value::Time(event.time()),
        Getter::StrTime => Value::text(event.str(event.str_time)),
        Getter::StrTimeFormat => Value::text(event.str(event.str_time_format)),
        Getter::MarshaledTime => Value::text(event.str(event.marshaled_time)),
        Getter::Whitelisted => Value::Bool(event.whitelisted),
        Getter::WhitelistReason => Value::text(&event.whitelist_reason),
        Getter::LineRaw => Value::text(event.line()),
        Getter::LineSource => Value::text(event.source()),
        Getter::LineModule => Value::text(match (event.str(event.module), event.position()) {
            ("", Position::File { .. }) => "file",
            ("", Position::Cursor(_)) => "journalctl",
            (module, _) => module,
        }),
        Getter::EventType => Value::text(if event.overflow.is_some() {
            "overflow"
        } else {
            "log"
        }),
        _ => Value::text(""),
    }
}

fn member<'a>(of: &Value<'a>, name: &str, optional: bool) -> Ran<'a> {
    match of {
        Value::Object(Object::Unmarshaled(event)) => {
            let roots = event.unmarshaled.borrow();
            let found = roots.iter().find(|(key, _)| **key == *name);
            Ok(found.map_or(Value::Nil, |(_, json)| Value::Json(json.clone())))
        }
        Value::Json(json @ Json::Map(_)) => {
            Ok(json.member(name).map_or(Value::Nil, |it| Value::Json(it.clone())))
        }
        Value::Map(entries) => {
            let found = entries.iter().find(|(key, _)| *key == name);
            Ok(found.map_or(Value::Nil, |(_, value)| value.clone()))
        }
        Value::Object(Object::Sources(sources)) => {
            let found = sources.iter().find(|source| source.value == name);
            Ok(Value::Object(Object::Source(found.unwrap_or(&NOBODY))))
        }
        Value::Object(Object::Parsers(results)) => Ok(Value::Object(Object::Stage(results.get(name)))),
        Value::Object(Object::Stage(stage)) => Ok(Value::NodeResults(results::node(stage, name))),
        nil if nil.is_nil() && optional => Err(Stop::Skip),
        nil if nil.is_nil() => fail("a member of nil"),
        _ => fail("it has no members"),
    }
}

fn index<'a>(of: &Value<'a>, at: &Value<'_>, optional: bool) -> Ran<'a> {
    if let Some(name) = at.as_str() {
        return member(of, name, optional);
    }
    if of.is_nil() {
        return if optional {
            Err(Stop::Skip)
        } else {
            fail("an element of nil")
        };
    }
    let number = match at {
        Value::Int(number) => *number,
        Value::Json(Json::Number(_)) | Value::Float(_) => return fail("not a whole number"),
        _ => return fail("it cannot be indexed so"),
    };
    let Some(len) = of.len() else {
        return fail("it cannot be indexed");
    };
    let place = if number < 0 {
        i64::try_from(len).unwrap_or(0) + number
    } else {
        number
    };
    let item = usize::try_from(place).ok().and_then(|place| of.item(place));
    item.ok_or_else(|| Stop::Failed("the index is out of range".into()))
}

fn slice(of: Value<'_>, from: Option<i64>, to: Option<i64>) -> Ran<'_> {
    let Some(len) = of.len() else {
        return fail("it cannot be sliced");
    };
    let bound = |at: i64| {
        let at = if at < 0 {
            at.saturating_add(i64::try_from(len).unwrap_or(0))
        } else {
            at
        };
        usize::try_from(at).unwrap_or(0).min(len)
    };
    let to = to.map_or(len, bound);
    let from = from.map_or(0, bound).min(to);
    Ok(match of {
        Value::Text(Cow::Borrowed(text)) => Value::text(text.get(from..to).unwrap_or("")),
        Value::Texts(texts) => Value::Texts(texts.get(from..to).unwrap_or(&[])),
        Value::Events(events) => Value::Events(events.get(from..to).unwrap_or(&[])),
        other => match other.as_str() {
            Some(text) => Value::Text(Cow::Owned(text.get(from..to).unwrap_or("").to_owned())),
            None => Value::List((from..to).filter_map(|at| other.item(at)).collect()),
        },
    })
}

fn contained(left: &Value<'_>, right: &Value<'_>) -> Result<bool, Stop> {
    match right {
        Value::Map(_) | Value::Json(Json::Map(_)) | Value::Object(Object::Unmarshaled(_)) => {
            let Some(name) = left.as_str() else {
                return Ok(false);
            };
            Ok(member(right, name, true).is_ok_and(|value| !value.is_nil()))
        }
        Value::Object(Object::Event(_)) => fail("in wants a list"),
        nil if nil.is_nil() => Ok(false),
        list => match list.len().filter(|_| list.as_str().is_none()) {
            Some(len) => Ok((0..len).any(|at| list.item(at).is_some_and(|item| item.equals(left)))),
            None => fail("in wants a list"),
        },
    }
}

fn sum<'a>(op: Op, left: Value<'a>, right: &Value<'a>) -> Ran<'a> {
    if op == Op::Plus
        && let (Some(one), Some(other)) = (left.as_str(), right.as_str())
    {
        if other.is_empty() {
            return Ok(left);
        }
        let mut text = String::with_capacity(one.len() + other.len());
        text.push_str(one);
        text.push_str(other);
        return Ok(Value::Text(Cow::Owned(text)));
    }
    let nanos = |millis: i64| millis.saturating_mul(1_000_000);
    let whole = match (&left, right, op) {
        (Value::Int(one), Value::Int(other), Op::Plus) => one.checked_add(*other),
        (Value::Int(one), Value::Int(other), Op::Minus) => one.checked_sub(*other),
        (Value::Int(one), Value::Int(other), Op::Times) => one.checked_mul(*other),
        (Value::Int(one), Value::Int(other), Op::Modulo) => one.checked_rem(*other),
        (Value::Time(one), Value::Time(other), Op::Minus) => {
            return Ok(Value::Duration(nanos(
                one.as_millis().saturating_sub(other.as_millis()),
            )));
        }
        (Value::Duration(one), Value::Duration(other), Op::Plus) => {
            return Ok(Value::Duration(one.saturating_add(*other)));
        }
        (Value::Duration(one), Value::Duration(other), Op::Minus) => {
            return Ok(Value::Duration(one.saturating_sub(*other)));
        }
        _ => {
            let (Some(one), Some(other)) = (left.as_float(), right.as_float()) else {
                return fail("these cannot be reckoned with");
            };
            return Ok(Value::Float(match op {
                Op::Plus => one + other,
                Op::Minus => one - other,
                Op::Times => one * other,
                Op::Modulo => one % other,
                _ => one / other,
            }));
        }
    };
    whole
        .map(Value::Int)
        .ok_or_else(|| Stop::Failed("the number is too large".into()))
}
