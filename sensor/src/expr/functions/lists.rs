//! Functions on lists and mappings.

use std::borrow::Cow;
use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashMap};

use super::{Function, Want, function, int_arg, take, text_arg, text_value};
use crate::expr::eval::fuel::{LIST_TOO_LONG, MAX_ITEMS, MAX_MADE_BYTES, TEXT_TOO_LONG};
use crate::expr::value::Value;
use crate::expr::{Env, EvalError};

type Ran<'a> = Result<Value<'a>, EvalError>;

/// How many values are compared with each other, where their hashes are the same, to find the different ones.
const MAX_COMPARED: usize = 1_000_000;

pub(super) const FUNCTIONS: &[Function] = &[
    function("len", &[Want::Any], Want::Int, len),
    function("get", &[Want::Any, Want::Any], Want::Any, |args, _| Ok(get(args))),
    function("Get", &[Want::Texts, Want::Int], Want::Text, |args, _| {
        let at = int_arg(args, 1)?;
        let at = usize::try_from(at).map_err(|_| EvalError("the index is out of range".into()))?;
        Ok(take(args, 0).item(at).unwrap_or(Value::text("")))
    }),
    function("first", &[Want::List], Want::Any, |args, _| {
        Ok(take(args, 0).item(0).unwrap_or(Value::Nil))
    }),
    function("last", &[Want::List], Want::Any, |args, _| {
        let list = take(args, 0);
        let last = list.len().and_then(|len| len.checked_sub(1));
        Ok(last.and_then(|at| list.item(at)).unwrap_or(Value::Nil))
    }),
    function("take", &[Want::List, Want::Int], Want::List, |args, _| {
        let most = usize::try_from(int_arg(args, 1)?).map_err(|_| EvalError("fewer than none".into()))?;
        Ok(Value::List(
            items(&take(args, 0))?.into_iter().take(most).collect(),
        ))
    }),
    Function {
        least: 1,
        ..function("join", &[Want::List, Want::Text], Want::Text, join)
    },
    function("Join", &[Want::List, Want::Text], Want::Text, join),
    function("keys", &[Want::Map], Want::List, |args, _| {
        let names = entries(&take(args, 0))?
            .into_iter()
            .map(|(name, _)| Value::Text(name));
        Ok(Value::List(names.collect()))
    }),
    function("values", &[Want::Map], Want::List, |args, _| {
        let values = entries(&take(args, 0))?.into_iter().map(|(_, value)| value);
        Ok(Value::List(values.collect()))
    }),
    function("toPairs", &[Want::Map], Want::List, |args, _| {
        let pairs = entries(&take(args, 0))?
            .into_iter()
            .map(|(name, value)| Value::List(vec![Value::Text(name), value]));
        Ok(Value::List(pairs.collect()))
    }),
    function("fromPairs", &[Want::List], Want::Map, from_pairs),
    function("reverse", &[Want::List], Want::List, |args, _| {
        let mut items = items(&take(args, 0))?;
        items.reverse();
        Ok(Value::List(items))
    }),
    function("uniq", &[Want::List], Want::List, |args, _| {
        Ok(Value::List(distinct(items(&take(args, 0))?)?))
    }),
    Function {
        least: 1,
        more: true,
        ..function("concat", &[Want::List], Want::List, |args, _| {
            let mut all = Vec::new();
            for list in args.iter() {
                all.append(&mut items(list)?);
                if all.len() > MAX_ITEMS {
                    return Err(LIST_TOO_LONG.into());
                }
            }
            Ok(Value::List(all))
        })
    },
    function("flatten", &[Want::List], Want::List, flatten_all),
    Function {
        least: 0,
        more: true,
        ..function("Flatten", &[Want::Any], Want::List, flatten_all)
    },
    function("Distinct", &[Want::Any], Want::Any, |args, _| {
        match items(&take(args, 0)) {
            Ok(items) => Ok(Value::List(distinct(items)?)),
            Err(_) => Ok(Value::Nil),
        }
    }),
    Function {
        least: 0,
        more: true,
        ..function("FlattenDistinct", &[Want::Any], Want::List, |args, _| {
            let mut all = Vec::new();
            flatten(args, &mut all, 0)?;
            Ok(Value::List(distinct(all)?))
        })
    },
    Function {
        least: 1,
        ..function("sort", &[Want::List, Want::Text], Want::List, sort)
    },
    function("KeyExists", &[Want::Text, Want::Map], Want::Bool, |args, _| {
        let map = take(args, 1);
        if map.entries().is_none() {
            return Err("not a map".into());
        }
        Ok(Value::Bool(map.member(text_arg(args, 0)?).is_some()))
    }),
];

/// What the WAF would have found is always empty here; so are the parts of it that are asked for.
pub(super) const APPSEC_METHODS: &[Function] = &[
    function("GetVar", &[Want::Appsec, Want::Text], Want::Text, |_, _| {
        Ok(Value::text(""))
    }),
    function("ByID", &[Want::Appsec, Want::Int], Want::Appsec, same),
    function("ByKind", &[Want::Appsec, Want::Text], Want::Appsec, same),
    function("ByTag", &[Want::Appsec, Want::Text], Want::Appsec, same),
    function("ByTagRx", &[Want::Appsec, Want::Text], Want::Appsec, same),
    function("ByTags", &[Want::Appsec, Want::Texts], Want::Appsec, same),
    function(
        "ByDisruptiveness",
        &[Want::Appsec, Want::Bool],
        Want::Appsec,
        same,
    ),
    function("BySeverity", &[Want::Appsec, Want::Text], Want::Appsec, same),
    function("ByAccuracy", &[Want::Appsec, Want::Text], Want::Appsec, same),
];

#[expect(clippy::unnecessary_wraps, reason = "it stands among functions that may fail")]
fn same<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    Ok(take(args, 0))
}

/// Characters of a text, elements of a list, names of a mapping.
fn len<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    let of = take(args, 0);
    let len = match of.as_str() {
        Some(text) => Some(text.chars().count()),
        None => of.len(),
    };
    let len = len.ok_or(EvalError("it has no length".into()))?;
    Ok(Value::Int(i64::try_from(len).unwrap_or(i64::MAX)))
}

/// All elements of a list.
pub(super) fn items<'a>(list: &Value<'a>) -> Result<Vec<Value<'a>>, EvalError> {
    let len = list
        .len()
        .filter(|_| list.as_str().is_none() && list.entries().is_none());
    let len = len.ok_or(EvalError("not a list".into()))?;
    Ok((0..len).filter_map(|at| list.item(at)).collect())
}

fn entries<'a>(map: &Value<'a>) -> Result<Vec<(Cow<'a, str>, Value<'a>)>, EvalError> {
    map.entries().ok_or_else(|| "not a map".into())
}

/// An element or a member, nil where there is none.
fn get<'a>(args: &mut [Value<'a>]) -> Value<'a> {
    let (of, key) = (take(args, 0), take(args, 1));
    match (&key, key.as_str()) {
        (_, Some(name)) => of.member(name).unwrap_or(Value::Nil),
        (Value::Int(at), _) => {
            let at = if *at < 0 {
                at + i64::try_from(of.len().unwrap_or(0)).unwrap_or(0)
            } else {
                *at
            };
            let item = usize::try_from(at).ok().and_then(|at| of.item(at));
            item.unwrap_or(Value::Nil)
        }
        _ => Value::Nil,
    }
}

fn join<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    let (list, by) = (take(args, 0), take(args, 1));
    let by = by.as_str().unwrap_or("");
    let mut out = String::new();
    for (at, item) in items(&list)?.iter().enumerate() {
        if at > 0 {
            out.push_str(by);
        }
        out.push_str(item.as_str().ok_or(EvalError("not a list of texts".into()))?);
        if out.len() > MAX_MADE_BYTES {
            return Err(TEXT_TOO_LONG.into());
        }
    }
    Ok(text_value(out))
}

fn from_pairs<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    let mut out: Vec<(Cow<'a, str>, Value<'a>)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for pair in items(&take(args, 0))? {
        let (Some(2), Some(name), Some(value)) = (pair.len(), pair.item(0), pair.item(1)) else {
            return Err("not a list of pairs".into());
        };
        let name = name.display().into_owned();
        if let Some(entry) = places.get(&name).and_then(|at| out.get_mut(*at)) {
            entry.1 = value;
        } else {
            places.insert(name.clone(), out.len());
            out.push((Cow::Owned(name), value));
        }
    }
    Ok(Value::Map(out))
}

/// Each value once, the first of equal ones. By hash, so that the time is that of the list's length.
fn distinct(items: Vec<Value<'_>>) -> Result<Vec<Value<'_>>, EvalError> {
    let build = DefaultHashBuilder::default();
    let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
    let (mut out, mut compared): (Vec<Value<'_>>, usize) = (Vec::new(), 0);
    for item in items {
        let same = places.entry(hash(&build, &item)).or_default();
        compared += same.len();
        // What is not even equal to itself, such as an event, has one hash for all.
        if compared > MAX_COMPARED {
            return Err(LIST_TOO_LONG.into());
        }
        let mut known = same.iter().filter_map(|at| out.get(*at));
        if !known.any(|known| known.equals(&item)) {
            same.push(out.len());
            out.push(item);
        }
    }
    Ok(out)
}

/// Values that [`Value::equals`] have the same.
fn hash(build: &DefaultHashBuilder, value: &Value<'_>) -> u64 {
    if value.is_nil() {
        return build.hash_one(0_u8);
    }
    if let Some(text) = value.as_str() {
        return build.hash_one((1_u8, text));
    }
    if let Some(is) = value.as_bool() {
        return build.hash_one((2_u8, is));
    }
    if let Some(number) = value.as_float() {
        // Zero has two signs and one value.
        return build.hash_one((3_u8, (number + 0.0).to_bits()));
    }
    if let Some(entries) = value.entries() {
        let mut seen = HashMap::with_capacity(entries.len());
        for (name, value) in &entries {
            seen.entry(&**name).or_insert(value);
        }
        let hashes = seen
            .iter()
            .map(|(name, value)| build.hash_one((4_u8, name, hash(build, value))));
        return hashes.fold(0, u64::wrapping_add);
    }
    match value {
        Value::Time(time) => build.hash_one((5_u8, time.as_millis())),
        Value::Object(_) | Value::NodeResults(_) => build.hash_one(6_u8),
        list => {
            let items = (0..list.len().unwrap_or(0)).filter_map(|at| list.item(at));
            items.fold(build.hash_one(7_u8), |before, item| {
                build.hash_one((before, hash(build, &item)))
            })
        }
    }
}

fn flatten_all<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    let mut all = Vec::new();
    flatten(args, &mut all, 0)?;
    Ok(Value::List(all))
}

fn flatten<'a>(from: &[Value<'a>], out: &mut Vec<Value<'a>>, depth: usize) -> Result<(), EvalError> {
    if depth > 64 {
        return Err("the list nests too deep".into());
    }
    for value in from {
        match items(value) {
            Ok(items) => flatten(&items, out, depth + 1)?,
            Err(_) => out.push(value.clone()),
        }
        if out.len() > MAX_ITEMS {
            return Err(LIST_TOO_LONG.into());
        }
    }
    Ok(())
}

fn sort<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    let descends = match args.get(1).and_then(Value::as_str) {
        None | Some("asc") => false,
        Some("desc") => true,
        Some(_) => return Err("the order is neither asc nor desc".into()),
    };
    let mut items = items(&take(args, 0))?;
    if !have_order(&items) {
        return Err("these have no order".into());
    }
    items.sort_by(|one, other| {
        let order = one.compare(other).unwrap_or(std::cmp::Ordering::Equal);
        if descends { order.reverse() } else { order }
    });
    Ok(Value::List(items))
}

/// Whether each of them compares with each. Values compare within kinds and with themselves (a not-a-number does not), so
/// neighbours tell; sorting what has no total order may panic.
pub(in crate::expr) fn have_order<'v, 'a: 'v>(items: impl IntoIterator<Item = &'v Value<'a>>) -> bool {
    let mut before: Option<&Value<'a>> = None;
    items.into_iter().all(|item| {
        let ordered = item.compare(item).is_some() && before.is_none_or(|one| one.compare(item).is_some());
        before = Some(item);
        ordered
    })
}
