//! Closures: what is evaluated for each element of a list.

use std::borrow::Cow;
use std::cmp::Ordering;

use hashbrown::HashMap;

use super::{Machine, Ran, Stop, fail};
use crate::expr::code::{Closure, Code};
use crate::expr::functions::lists::have_order;
use crate::expr::syntax::Op;
use crate::expr::value::Value;

// === impl Machine ===

impl<'a> Machine<'a> {
    pub(super) fn closure(
        &mut self,
        what: Closure,
        list: &'a Code,
        body: Option<&'a Code>,
        with: Option<&'a Code>,
    ) -> Ran<'a> {
        let list = self.run(list)?;
        let len = list.len().filter(|_| list.as_str().is_none());
        let Some(len) = len else { return fail("not a list") };
        if matches!(what, Closure::Reduce | Closure::SortBy | Closure::GroupBy) {
            return self.rare_closure(what, &list, len, body, with);
        }
        let backwards = matches!(what, Closure::FindLast | Closure::FindLastIndex);
        let (mut kept, mut count) = (Vec::new(), 0_i64);
        let mut sum = Value::Int(0);
        for turn in 0..len {
            let at = if backwards { len - 1 - turn } else { turn };
            let item = list.item(at).unwrap_or(Value::Nil);
            let number = i64::try_from(at).unwrap_or(i64::MAX);
            let result = match body {
                Some(body) => self.element(body, &item, number, None)?,
                None => item.clone(),
            };
            match what {
                Closure::Map => {
                    self.made_bytes(size_of::<Value<'_>>())?;
                    kept.push(self.made(result)?);
                    continue;
                }
                Closure::Sum => {
                    sum = self.sum(Op::Plus, sum, &result)?;
                    continue;
                }
                _ => {}
            }
            let Some(is) = result.as_bool() else {
                return fail("neither true nor false");
            };
            count += i64::from(is);
            match what {
                Closure::Any if is => return Ok(Value::Bool(true)),
                Closure::All if !is => return Ok(Value::Bool(false)),
                Closure::None if is => return Ok(Value::Bool(false)),
                Closure::Find | Closure::FindLast if is => return Ok(item),
                Closure::FindIndex | Closure::FindLastIndex if is => return Ok(Value::Int(number)),
                Closure::Filter if is => {
                    self.made_bytes(size_of::<Value<'_>>())?;
                    kept.push(self.made(item)?);
                }
                _ => {}
            }
        }
        Ok(match what {
            Closure::All | Closure::None => Value::Bool(true),
            Closure::Any => Value::Bool(false),
            Closure::One => Value::Bool(count == 1),
            Closure::Count => Value::Int(count),
            Closure::Sum => sum,
            Closure::Filter | Closure::Map => Value::List(kept),
            _ => Value::Nil,
        })
    }

    /// Runs a closure's body on one element.
    fn element(
        &mut self,
        body: &'a Code,
        item: &Value<'a>,
        number: i64,
        accumulated: Option<Value<'a>>,
    ) -> Ran<'a> {
        self.spend(1)?;
        let depth = self.locals.len();
        self.locals.push(item.clone());
        self.locals.push(Value::Int(number));
        self.locals.extend(accumulated);
        let result = self.run(body);
        self.locals.truncate(depth);
        result
    }

    /// Reducing, sorting and grouping.
    fn rare_closure(
        &mut self,
        what: Closure,
        list: &Value<'a>,
        len: usize,
        body: Option<&'a Code>,
        with: Option<&'a Code>,
    ) -> Ran<'a> {
        let Some(body) = body else {
            return fail("there is no closure");
        };
        let with = with.map(|with| self.run(with)).transpose()?;
        let mut results = Vec::new();
        let (mut from, mut accumulated) = (0, Value::Nil);
        if what == Closure::Reduce {
            accumulated = if let Some(start) = with.clone() {
                start
            } else {
                from = 1;
                list.item(0).ok_or(Stop::Failed("nothing to reduce".into()))?
            };
        }
        for at in from..len {
            let item = list.item(at).unwrap_or(Value::Nil);
            let number = i64::try_from(at).unwrap_or(i64::MAX);
            if what == Closure::Reduce {
                accumulated = self.element(body, &item, number, Some(accumulated))?;
            } else {
                let key = self.element(body, &item, number, None)?;
                self.made_bytes(size_of::<(Value<'_>, Value<'_>)>())?;
                results.push((self.made(key)?, self.made(item)?));
            }
        }
        if what == Closure::Reduce {
            return Ok(accumulated);
        }
        if what == Closure::SortBy {
            let descends = match with.as_ref().and_then(Value::as_str) {
                None | Some("asc") => false,
                Some("desc") => true,
                Some(_) => return fail("the order is neither asc nor desc"),
            };
            if !have_order(results.iter().map(|(key, _)| key)) {
                return fail("these have no order");
            }
            results.sort_by(|(one, _), (other, _)| {
                let order = one.compare(other).unwrap_or(Ordering::Equal);
                if descends { order.reverse() } else { order }
            });
            return Ok(Value::List(results.into_iter().map(|(_, item)| item).collect()));
        }
        let mut groups: Vec<(Cow<'a, str>, Value<'a>)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for (key, item) in results {
            let key = key.display().into_owned();
            let known = places.get(&key).and_then(|at| groups.get_mut(*at));
            if let Some((_, Value::List(items))) = known {
                items.push(item);
                continue;
            }
            self.made_bytes(key.len())?;
            places.insert(key.clone(), groups.len());
            groups.push((Cow::Owned(key), Value::List(vec![item])));
        }
        Ok(Value::Map(groups))
    }
}
