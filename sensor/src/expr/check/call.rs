//! Calls: functions, methods, closures, and data files, which are read when rules load.

use std::sync::Arc;

use super::{Checked, Checker, Local, boxed, fail};
use crate::expr::code::{Closure, Code, Getter};
use crate::expr::functions::{Function, Want};
use crate::expr::syntax::{Ast, CLOSURES, Syntax};
use crate::expr::types::{Method, Type};
use crate::expr::{Data, ExprError, ask, functions};
use crate::parse::names::Space;

/// The functions of `CrowdSec` that are left out, and why.
const ABSENT: &[(&str, &str)] = &[
    ("CrowdsecCTI", "it asks CrowdSec's central service"),
    ("IsAnomalous", "it needs a model of CrowdSec's"),
    ("LibInjectionIsSQLI", "it belongs to the WAF"),
    ("LibInjectionIsXSS", "it belongs to the WAF"),
    ("JA4H", "it belongs to the WAF"),
    ("MatchKnownBot", "it belongs to the WAF"),
    ("timezone", "times are in UTC"),
];

/// Functions that name a data file.
const FILES: &[&str] = &["File", "RegexpInFile", "LookupFile", "FileMap"];

// === impl Checker ===

impl Checker<'_, '_> {
    pub(super) fn call(&mut self, at: usize, callee: &Ast, args: &[Ast]) -> Checked {
        match &callee.kind {
            Syntax::Name(name) if CLOSURES.contains(&name.as_str()) => self.closure(callee.at, name, args),
            Syntax::Name(name) if FILES.contains(&name.as_str()) => self.data_file(callee.at, name, args),
            Syntax::Name(name) => self.function(callee.at, name, args),
            Syntax::Member { of, name, .. } => self.method(callee.at, of, name, args),
            _ => fail(at, "this cannot be called"),
        }
    }

    fn method(&mut self, at: usize, of: &Ast, name: &str, args: &[Ast]) -> Checked {
        let (of, kind) = self.check(of);
        if kind == Type::Any {
            for arg in args {
                self.check(arg);
            }
            return fail(
                at,
                format!("it is not known whether {name:?} is a method of this"),
            );
        }
        if let (Type::Event, "GetMeta" | "GetParsed", [field]) = (&kind, name, args) {
            let space = space_of(name);
            if let Syntax::Text(field_name) = &field.kind {
                return self.field(field.at, of, space, field_name);
            }
            let (of, name) = (boxed(of), boxed(self.wanted(field, &Type::Text)));
            return Ok((Code::FieldNamed { of, space, name }, Type::Text));
        }
        if let (Type::Event, "SetMeta" | "SetParsed", [field, value]) = (&kind, name, args) {
            let space = space_of(name);
            if let Syntax::Text(field_name) = &field.kind {
                self.field(field.at, Code::Event, space, field_name)?;
            }
            let name = boxed(self.wanted(field, &Type::Text));
            let value = boxed(self.wanted(value, &Type::Text));
            return Ok((Code::Set { space, name, value }, Type::Bool));
        }
        match (kind.method(name), args) {
            (Some(Method::Get(result, getter)), []) => {
                let code = if getter == Getter::Same {
                    of
                } else {
                    Code::Get(boxed(of), getter)
                };
                Ok((code, result))
            }
            (Some(Method::Get(..)), _) => fail(at, format!("{name} takes no arguments")),
            (Some(Method::Call(function)), _) => self.apply(at, name, function, Some(of), args),
            (None, _) => fail(at, format!("unknown method {name:?} of {kind}")),
        }
    }

    fn closure(&mut self, at: usize, name: &str, args: &[Ast]) -> Checked {
        let Some((what, result)) = closure_of(name) else {
            return fail(at, format!("unknown function {name:?}"));
        };
        let (list, body, with) = match args {
            [list] if matches!(what, Closure::Count | Closure::Sum) => (list, None, None),
            [list, body] => (list, Some(body), None),
            [list, body, with] if matches!(what, Closure::Reduce | Closure::SortBy) => {
                (list, Some(body), Some(with))
            }
            _ => return fail(at, format!("{name} takes a list and a closure")),
        };
        let (list, list_type) = self.check(list);
        let item = match &list_type {
            Type::List(item) => (**item).clone(),
            Type::Any | Type::Map | Type::Unmarshaled => Type::Any,
            _ => return fail(at, format!("{name} wants a list, this is {list_type}")),
        };
        let with = with.map(|with| {
            let want = if what == Closure::SortBy {
                Type::Text
            } else {
                Type::Any
            };
            boxed(self.wanted(with, &want))
        });
        let depth = self.locals.len();
        self.locals.push((Local::Element, item.clone()));
        self.locals.push((Local::Index, Type::Int));
        if what == Closure::Reduce {
            self.locals.push((Local::Accumulated, Type::Any));
        }
        let body = match body.map(|body| (&body.kind, body.at)) {
            None => None,
            Some((Syntax::Closure(body), _)) => Some(if what.is_test() {
                (self.wanted(body, &Type::Bool), Type::Bool)
            } else {
                self.check(body)
            }),
            Some((_, at)) => {
                self.complain(ExprError::new(at, "expected a closure"));
                None
            }
        };
        self.locals.truncate(depth);
        let (body, body_type) = body.map_or((None, Type::Any), |(body, kind)| (Some(boxed(body)), kind));
        let result = match what {
            Closure::Map => Type::list(body_type),
            Closure::Filter | Closure::SortBy => Type::list(item),
            Closure::GroupBy => Type::map_of(Type::list(item)),
            _ => result,
        };
        let list = boxed(list);
        Ok((
            Code::Closure {
                what,
                list,
                body,
                with,
            },
            result,
        ))
    }

    fn function(&mut self, at: usize, name: &str, args: &[Ast]) -> Checked {
        if let Some((ask, takes, gives)) = ask::find(name) {
            let codes = self.arguments(at, name, takes, (takes.len(), takes.len()), args)?;
            let outside = self.context.data.outside();
            return Ok((Code::Ask(ask, codes, outside), gives.as_type()));
        }
        if let Some(function) = functions::find(name) {
            return self.apply(at, name, function, None, args);
        }
        for arg in args {
            self.check(arg);
        }
        match ABSENT.iter().find(|(absent, _)| *absent == name) {
            Some((_, why)) => fail(at, format!("the function {name:?} is left out: {why}")),
            None => fail(at, format!("unknown function {name:?}")),
        }
    }

    /// Calls a function, or a method with what it is a method of as its first argument.
    fn apply(
        &mut self,
        at: usize,
        name: &str,
        function: &'static Function,
        of: Option<Code>,
        args: &[Ast],
    ) -> Checked {
        let given = usize::from(of.is_some());
        let takes = function.takes.get(given..).unwrap_or(&[]);
        let most = if function.more { usize::MAX } else { takes.len() };
        let bounds = (function.least.saturating_sub(given), most);
        let mut codes: Vec<Code> = of.into_iter().collect();
        codes.extend(self.arguments(at, name, takes, bounds, args)?);
        if name == "duration"
            && let [Code::Text(text)] = codes.as_slice()
        {
            let nanos = functions::parse_duration(text)
                .ok_or_else(|| ExprError::new(at, format!("{text:?} is not a duration")))?;
            return Ok((Code::Duration(nanos), Type::Duration));
        }
        // `Upper('...')` around what is searched for is an idiom of the hub.
        if let ("Upper" | "upper", [Code::Text(text)]) = (name, codes.as_slice()) {
            return Ok((Code::Text(text.to_uppercase().into()), Type::Text));
        }
        if let ("Lower" | "lower", [Code::Text(text)]) = (name, codes.as_slice()) {
            return Ok((Code::Text(text.to_lowercase().into()), Type::Text));
        }
        Ok((Code::Call(function, codes), function.gives.as_type()))
    }

    fn arguments(
        &mut self,
        at: usize,
        name: &str,
        takes: &[Want],
        (least, most): (usize, usize),
        args: &[Ast],
    ) -> Result<Vec<Code>, ExprError> {
        let mut codes = Vec::with_capacity(args.len());
        for (position, arg) in args.iter().enumerate() {
            let want = takes.get(position).or(takes.last()).copied().unwrap_or(Want::Any);
            let (code, kind) = self.check(arg);
            if !want.takes(&kind) {
                let want = want.as_type();
                self.complain(ExprError::new(
                    arg.at,
                    format!("{name} expects {want} here, this is {kind}"),
                ));
            }
            codes.push(code);
        }
        if args.len() < least || args.len() > most {
            let wants = match most {
                most if most == least => most.to_string(),
                usize::MAX => format!("at least {least}"),
                most => format!("{least} to {most}"),
            };
            return fail(
                at,
                format!("{name} takes {wants} arguments, here are {}", args.len()),
            );
        }
        Ok(codes)
    }

    /// `File("name")` and its like: the file was read when rules loaded.
    fn data_file(&mut self, at: usize, function: &str, args: &[Ast]) -> Checked {
        let subjects = usize::from(matches!(function, "RegexpInFile" | "LookupFile"));
        if args.len() != subjects + 1 {
            return fail(
                at,
                format!(
                    "{function} takes {} arguments, here are {}",
                    subjects + 1,
                    args.len()
                ),
            );
        }
        let subject = match args {
            [subject, _] => Some(boxed(self.wanted(subject, &Type::Text))),
            _ => None,
        };
        let Some(Ast {
            kind: Syntax::Text(name),
            at: name_at,
        }) = args.last()
        else {
            return fail(
                at,
                format!("{function} wants the name of a data file, as a text that stands there"),
            );
        };
        let data: &Data = self.context.data;
        let problem = |message| ExprError::new(*name_at, message);
        Ok(match (function, subject) {
            ("RegexpInFile", Some(subject)) => {
                let patterns = data.patterns(name).map_err(problem)?;
                (Code::AnyPattern(subject, patterns), Type::Bool)
            }
            ("LookupFile", Some(subject)) => {
                let table = data.table(name).map_err(problem)?;
                (Code::LookUp(subject, table), Type::Text)
            }
            ("FileMap", _) => {
                let table = data.table(name).map_err(problem)?;
                (Code::Rows(table), Type::list(Type::map_of(Type::Text)))
            }
            _ => {
                let lines = data.lines(name).map_err(problem)?;
                (Code::Texts(Arc::clone(&lines)), Type::list(Type::Text))
            }
        })
    }
}

fn space_of(method: &str) -> Space {
    if method.ends_with("Meta") {
        Space::Meta
    } else {
        Space::Parsed
    }
}

fn closure_of(name: &str) -> Option<(Closure, Type)> {
    Some(match name {
        "all" => (Closure::All, Type::Bool),
        "any" => (Closure::Any, Type::Bool),
        "none" => (Closure::None, Type::Bool),
        "one" => (Closure::One, Type::Bool),
        "count" => (Closure::Count, Type::Int),
        "find" => (Closure::Find, Type::Any),
        "findIndex" => (Closure::FindIndex, Type::Any),
        "findLast" => (Closure::FindLast, Type::Any),
        "findLastIndex" => (Closure::FindLastIndex, Type::Any),
        "map" => (Closure::Map, Type::Any),
        "filter" => (Closure::Filter, Type::Any),
        "sum" => (Closure::Sum, Type::Any),
        "groupBy" => (Closure::GroupBy, Type::Any),
        "sortBy" => (Closure::SortBy, Type::Any),
        "reduce" => (Closure::Reduce, Type::Any),
        _ => return None,
    })
}
