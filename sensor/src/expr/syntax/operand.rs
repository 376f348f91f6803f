//! Operands: values, brackets, members, calls.

use super::{Ast, CLOSURES, MAX_CHAIN, Parser, Syntax, describe};
use crate::expr::ExprError;
use crate::expr::lexer::Kind;

// === impl Parser ===

impl Parser {
    pub(super) fn operand(&mut self) -> Result<Ast, ExprError> {
        let at = self.at();
        let boxed = |ast| Box::new(ast);
        let kind = match self.word() {
            Some("not" | "!") => {
                self.next += 1;
                Syntax::Not(boxed(self.expression(50)?))
            }
            Some("-") => {
                self.next += 1;
                Syntax::Minus(boxed(self.expression(90)?))
            }
            Some("+") => {
                self.next += 1;
                return self.expression(90);
            }
            Some("if") => return self.condition(),
            // `::name()` calls the language's own function, which no other can hide here.
            Some("::") => {
                self.next += 1;
                let primary = self.primary()?;
                return self.postfix(primary);
            }
            _ => {
                let primary = self.primary()?;
                return self.postfix(primary);
            }
        };
        Ok(Ast { at, kind })
    }

    /// `if test { yes } else { no }`
    fn condition(&mut self) -> Result<Ast, ExprError> {
        let at = self.at();
        self.enter(at)?;
        self.expect("if")?;
        let test = Box::new(self.expression(0)?);
        self.expect("{")?;
        let yes = Box::new(self.sequence()?);
        self.expect("}")?;
        self.expect("else")?;
        let no = if self.word() == Some("if") {
            Box::new(self.condition()?)
        } else {
            self.expect("{")?;
            let no = Box::new(self.sequence()?);
            self.expect("}")?;
            no
        };
        self.depth -= 1;
        Ok(Ast {
            at,
            kind: Syntax::Choice { test, yes, no },
        })
    }

    fn primary(&mut self) -> Result<Ast, ExprError> {
        let at = self.at();
        let kind = match self.peek().clone() {
            Kind::Int(number) => Syntax::Int(number),
            Kind::Float(number) => Syntax::Float(number),
            Kind::Text(text) => Syntax::Text(text),
            Kind::Name(name) => match name.as_str() {
                "true" => Syntax::Bool(true),
                "false" => Syntax::Bool(false),
                "nil" => Syntax::Nil,
                _ => Syntax::Name(name),
            },
            Kind::Sign("(") => {
                self.next += 1;
                let inner = self.sequence()?;
                self.expect(")")?;
                return Ok(inner);
            }
            Kind::Sign("[") => {
                self.next += 1;
                return Ok(Ast {
                    at,
                    kind: Syntax::List(self.list("]")?),
                });
            }
            Kind::Sign("{") => return self.map(),
            Kind::Sign("#") => {
                self.next += 1;
                let name = if matches!(self.peek(), Kind::Name(name) if name == "index" || name == "acc") {
                    self.name()?
                } else {
                    String::new()
                };
                return Ok(Ast {
                    at,
                    kind: Syntax::Pointer(name),
                });
            }
            Kind::Sign(".") => {
                return Ok(Ast {
                    at,
                    kind: Syntax::Pointer(String::new()),
                });
            }
            other => {
                return Err(ExprError::new(
                    at,
                    format!("expected a value, found {}", describe(&other)),
                ));
            }
        };
        self.next += 1;
        Ok(Ast { at, kind })
    }

    fn map(&mut self) -> Result<Ast, ExprError> {
        let at = self.at();
        self.expect("{")?;
        let mut entries = Vec::new();
        while !self.eat("}") {
            let key_at = self.at();
            let key = match self.peek().clone() {
                Kind::Text(key) | Kind::Name(key) => {
                    self.next += 1;
                    Syntax::Text(key)
                }
                Kind::Int(number) => {
                    self.next += 1;
                    Syntax::Text(number.to_string())
                }
                Kind::Sign("(") => self.expression(0)?.kind,
                other => {
                    return Err(ExprError::new(
                        key_at,
                        format!("expected a key, found {}", describe(&other)),
                    ));
                }
            };
            let key = Ast {
                at: key_at,
                kind: key,
            };
            self.expect(":")?;
            entries.push((key, self.expression(0)?));
            if !self.eat(",") && self.word() != Some("}") {
                return Err(ExprError::new(self.at(), "expected \",\" or \"}\""));
            }
        }
        Ok(Ast {
            at,
            kind: Syntax::Map(entries),
        })
    }

    fn list(&mut self, end: &str) -> Result<Vec<Ast>, ExprError> {
        let mut items = Vec::new();
        while !self.eat(end) {
            items.push(self.expression(0)?);
            if !self.eat(",") && self.word() != Some(end) {
                let found = describe(self.peek());
                return Err(ExprError::new(
                    self.at(),
                    format!("expected \",\" or {end:?}, found {found}"),
                ));
            }
        }
        Ok(items)
    }

    pub(super) fn postfix(&mut self, mut of: Ast) -> Result<Ast, ExprError> {
        // Parentheses do not end a chain.
        let mut chained = false;
        if let Syntax::Chain(inner) = of.kind {
            (of, chained) = (*inner, true);
        }
        for turn in 0.. {
            if turn > MAX_CHAIN {
                return Err(ExprError::new(
                    self.at(),
                    format!("more than {MAX_CHAIN} members"),
                ));
            }
            let at = self.at();
            let optional = self.eat("?.");
            chained |= optional;
            let kind = if self.eat("[") {
                self.bracket(of, optional)?
            } else if optional || self.eat(".") {
                Syntax::Member {
                    of: Box::new(of),
                    name: self.name()?,
                    optional,
                }
            } else if self.word() == Some("(") {
                self.next += 1;
                let args = self.arguments(&of, None)?;
                Syntax::Call {
                    callee: Box::new(of),
                    args,
                }
            } else {
                break;
            };
            of = Ast {
                at: if matches!(kind, Syntax::Member { .. }) {
                    self.before()
                } else {
                    at
                },
                kind,
            };
        }
        if chained {
            of = Ast {
                at: of.at,
                kind: Syntax::Chain(Box::new(of)),
            };
        }
        Ok(of)
    }

    /// The place of the token that was read last: a member's error is shown at its name.
    fn before(&self) -> usize {
        self.tokens
            .get(self.next.saturating_sub(1))
            .map_or(0, |token| token.at)
    }

    fn bracket(&mut self, of: Ast, optional: bool) -> Result<Syntax, ExprError> {
        let of = Box::new(of);
        if self.eat(":") {
            let to = if self.word() == Some("]") {
                None
            } else {
                Some(Box::new(self.expression(0)?))
            };
            self.expect("]")?;
            return Ok(Syntax::Slice { of, from: None, to });
        }
        let at = Box::new(self.expression(0)?);
        if self.eat(":") {
            let to = if self.word() == Some("]") {
                None
            } else {
                Some(Box::new(self.expression(0)?))
            };
            self.expect("]")?;
            return Ok(Syntax::Slice {
                of,
                from: Some(at),
                to,
            });
        }
        self.expect("]")?;
        Ok(Syntax::Index { of, at, optional })
    }

    /// The arguments behind a `(`; a pipe brings the first along.
    pub(super) fn arguments(&mut self, callee: &Ast, piped: Option<Ast>) -> Result<Vec<Ast>, ExprError> {
        let takes_closure = matches!(&callee.kind, Syntax::Name(name) if CLOSURES.contains(&name.as_str()));
        let mut args: Vec<Ast> = piped.into_iter().collect();
        if !takes_closure {
            args.extend(self.list(")")?);
            return Ok(args);
        }
        while !self.eat(")") {
            let arg = if args.len() == 1 {
                self.closure()?
            } else {
                self.expression(0)?
            };
            args.push(arg);
            if !self.eat(",") && self.word() != Some(")") {
                let found = describe(self.peek());
                return Err(ExprError::new(
                    self.at(),
                    format!("expected \",\" or \")\", found {found}"),
                ));
            }
        }
        Ok(args)
    }

    fn closure(&mut self) -> Result<Ast, ExprError> {
        let at = self.at();
        let body = if self.eat("{") {
            let body = self.sequence()?;
            self.expect("}")?;
            body
        } else {
            self.expression(0)?
        };
        Ok(Ast {
            at,
            kind: Syntax::Closure(Box::new(body)),
        })
    }
}
