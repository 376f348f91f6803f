//! Calls: functions, methods, closures, and data files, which are read when rules load.

use std::sync::Arc;

use super::{Checked, Checker, Local, boxed, fail};
use crate::expr::code::{Closure, Code, Getter};
use crate::expr::syntax::{Ast, CLOSURES, Syntax};
use crate::expr::types::Type;
use crate::expr::{Data, ExprError, functions};
use crate::grok::re2;
use crate::parse::names::Space;

// === impl Checker ===

impl Checker<'_, '_> {
    pub(super) fn call(&mut self, at: usize, callee: &Ast, args: &[Ast]) -> Checked {
        match &callee.kind {
            Syntax::Name(name) if CLOSURES.contains(&name.as_str()) => self.closure(callee.at, name, args),
            Syntax::Name(name) if matches!(name.as_str(), "File" | "RegexpInFile" | "LookupFile") => {
                self.data_file(callee.at, name, args)
            }
            Syntax::Name(name) => self.function(callee.at, name, args),
            Syntax::Member { of, name, .. } => self.method(callee.at, of, name, args),
            _ => fail(at, "this cannot be called"),
        }
    }

    fn method(&mut self, at: usize, of: &Ast, name: &str, args: &[Ast]) -> Checked {
        let (of, kind) = self.check(of)?;
        if let (Type::Event, "GetMeta" | "GetParsed", [field]) = (&kind, name, args) {
            let space = if name == "GetMeta" {
                Space::Meta
            } else {
                Space::Parsed
            };
            if let Syntax::Text(field_name) = &field.kind {
                return self.field(field.at, of, space, field_name);
            }
            let field = boxed(self.wanted(field, &Type::Text)?);
            return Ok((
                Code::FieldNamed {
                    of: boxed(of),
                    space,
                    name: field,
                },
                Type::Text,
            ));
        }
        if let (Type::Event, "SetMeta" | "SetParsed", [field, value]) = (&kind, name, args) {
            let space = if name == "SetMeta" {
                Space::Meta
            } else {
                Space::Parsed
            };
            if let Syntax::Text(field_name) = &field.kind {
                self.field(field.at, Code::Event, space, field_name)?;
            }
            let (name, value) = (
                boxed(self.wanted(field, &Type::Text)?),
                boxed(self.wanted(value, &Type::Text)?),
            );
            return Ok((Code::Set { space, name, value }, Type::Bool));
        }
        match (kind.method(name), args) {
            (Some((result, Getter::Same)), []) => Ok((of, result)),
            (Some((result, getter)), []) => Ok((Code::Get(boxed(of), getter), result)),
            (Some(_), _) => fail(at, format!("{name} takes no arguments")),
            (None, _) => fail(at, format!("unknown method {name:?} of {kind}")),
        }
    }

    fn closure(&mut self, at: usize, name: &str, args: &[Ast]) -> Checked {
        let (what, result) = match name {
            "all" => (Closure::All, Type::Bool),
            "any" => (Closure::Any, Type::Bool),
            "none" => (Closure::None, Type::Bool),
            "one" => (Closure::One, Type::Bool),
            "count" => (Closure::Count, Type::Int),
            "find" => (Closure::Find, Type::Any),
            "findIndex" => (Closure::FindIndex, Type::Any),
            "map" => (Closure::Map, Type::Any),
            _ => (Closure::Filter, Type::Any),
        };
        let [list, body] = args else {
            return fail(at, format!("{name} takes a list and a closure"));
        };
        let Syntax::Closure(body) = &body.kind else {
            return fail(body.at, "expected a closure");
        };
        let (list, list_type) = self.check(list)?;
        let item = match &list_type {
            Type::List(item) => (**item).clone(),
            Type::Any | Type::Map | Type::Unmarshaled => Type::Any,
            _ => return fail(at, format!("{name} wants a list, this is {list_type}")),
        };
        self.locals.push((Local::Element, item.clone()));
        self.locals.push((Local::Index, Type::Int));
        let checked = if what == Closure::Map {
            self.check(body)
        } else {
            self.wanted(body, &Type::Bool).map(|code| (code, Type::Bool))
        };
        self.locals.truncate(self.locals.len().saturating_sub(2));
        let (body, body_type) = checked?;
        let result = match what {
            Closure::Map => Type::list(body_type),
            Closure::Filter => Type::list(item),
            _ => result,
        };
        Ok((
            Code::Closure {
                what,
                list: boxed(list),
                body: boxed(body),
            },
            result,
        ))
    }

    fn function(&mut self, at: usize, name: &str, args: &[Ast]) -> Checked {
        let Some(function) = functions::find(name) else {
            return fail(at, format!("unknown function {name:?}"));
        };
        let most = if function.more {
            usize::MAX
        } else {
            function.takes.len()
        };
        if args.len() < function.least || args.len() > most {
            let wants = if function.least == most {
                most.to_string()
            } else {
                format!("at least {}", function.least)
            };
            return fail(
                at,
                format!("{name} takes {wants} arguments, here are {}", args.len()),
            );
        }
        let mut codes = Vec::with_capacity(args.len());
        for (position, arg) in args.iter().enumerate() {
            let want = function
                .takes
                .get(position)
                .or(function.takes.last())
                .map_or(Type::Any, |want| want.as_type());
            let (code, kind) = self.check(arg)?;
            let fits = kind.may_be(&want)
                || (want == Type::list(Type::Any) && matches!(kind, Type::List(_)))
                || (want == Type::Float && kind == Type::Int);
            if !fits {
                return fail(arg.at, format!("{name} expects {want} here, this is {kind}"));
            }
            codes.push(code);
        }
        if name == "duration"
            && let [Code::Text(text)] = codes.as_slice()
        {
            let nanos = functions::parse_duration(text)
                .ok_or_else(|| ExprError::new(at, format!("{text:?} is not a duration")))?;
            return Ok((Code::Duration(nanos), Type::Duration));
        }
        Ok((Code::Call(function, codes), function.gives.as_type()))
    }

    /// `File("name")` and `RegexpInFile(text, "name")`: the file is read when rules load.
    fn data_file(&mut self, at: usize, function: &str, args: &[Ast]) -> Checked {
        if function == "LookupFile" {
            return fail(at, "LookupFile is not supported yet");
        }
        let Some(Ast {
            kind: Syntax::Text(name),
            at: name_at,
        }) = args.last()
        else {
            return fail(at, format!("{function} wants the name of a data file"));
        };
        let data: &Data = self.context.data;
        let lines = data
            .lines(name)
            .map_err(|message| ExprError::new(*name_at, message))?;
        match (function, args) {
            ("File", [_]) => Ok((Code::Texts(lines), Type::list(Type::Text))),
            ("RegexpInFile", [subject, _]) => {
                let subject = boxed(self.wanted(subject, &Type::Text)?);
                let mut patterns = Vec::with_capacity(lines.len());
                for line in lines.iter() {
                    patterns.push(re2::compile(line).map_err(|error| {
                        ExprError::new(*name_at, format!("bad pattern {line:?} in {name:?}: {error}"))
                    })?);
                }
                Ok((Code::AnyPattern(subject, Arc::from(patterns)), Type::Bool))
            }
            _ => fail(at, format!("{function} has another number of arguments")),
        }
    }
}
