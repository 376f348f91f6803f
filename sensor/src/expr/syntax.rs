//! Tokens to a syntax tree, by precedence climbing with the precedences of expr-lang 1.17.

mod operand;

use super::ExprError;
use super::lexer::{Kind, Token, lex};

/// A node and the first byte of its text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ast {
    pub(super) at: usize,
    pub(super) kind: Syntax,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Syntax {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Name(String),
    /// `#`, or `#index` and its like.
    Pointer(String),
    List(Vec<Ast>),
    Map(Vec<(Ast, Ast)>),
    Member {
        of: Box<Ast>,
        name: String,
        optional: bool,
    },
    Index {
        of: Box<Ast>,
        at: Box<Ast>,
        optional: bool,
    },
    Slice {
        of: Box<Ast>,
        from: Option<Box<Ast>>,
        to: Option<Box<Ast>>,
    },
    /// Everything after a `?.` is skipped where it met nil; this is where the skipping ends.
    Chain(Box<Ast>),
    Call {
        callee: Box<Ast>,
        args: Vec<Ast>,
    },
    Closure(Box<Ast>),
    /// Expressions with `;` between them.
    Sequence(Vec<Ast>),
    Range(Box<Ast>, Box<Ast>),
    Not(Box<Ast>),
    Minus(Box<Ast>),
    /// `&&` or `||` of two or more.
    Many {
        op: Op,
        items: Vec<Ast>,
    },
    Binary {
        op: Op,
        left: Box<Ast>,
        right: Box<Ast>,
    },
    Choice {
        test: Box<Ast>,
        yes: Box<Ast>,
        no: Box<Ast>,
    },
    Let {
        name: String,
        value: Box<Ast>,
        body: Box<Ast>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    Matches,
    Contains,
    StartsWith,
    EndsWith,
    Plus,
    Minus,
    Times,
    Divide,
    Modulo,
    Power,
    Coalesce,
    Range,
    Pipe,
}

/// Operators by their text, with how tightly they bind; all but powers associate to the left.
const BINARY: &[(&str, Op, u16)] = &[
    ("|", Op::Pipe, 0),
    ("||", Op::Or, 10),
    ("or", Op::Or, 10),
    ("&&", Op::And, 15),
    ("and", Op::And, 15),
    ("==", Op::Equal, 20),
    ("!=", Op::Unequal, 20),
    ("<", Op::Less, 20),
    ("<=", Op::LessEqual, 20),
    (">", Op::Greater, 20),
    (">=", Op::GreaterEqual, 20),
    ("in", Op::In, 20),
    ("matches", Op::Matches, 20),
    ("contains", Op::Contains, 20),
    ("startsWith", Op::StartsWith, 20),
    ("endsWith", Op::EndsWith, 20),
    ("+", Op::Plus, 30),
    ("-", Op::Minus, 30),
    ("*", Op::Times, 60),
    ("/", Op::Divide, 60),
    ("%", Op::Modulo, 60),
    ("..", Op::Range, 25),
    ("**", Op::Power, 100),
    ("^", Op::Power, 100),
    ("??", Op::Coalesce, 500),
];

/// How often in a row two may be compared: `1 < a < 9`.
const MAX_COMPARISONS: usize = 8;

/// Functions whose last argument is evaluated for each element, with or without braces.
pub(super) const CLOSURES: &[&str] = &[
    "all",
    "any",
    "none",
    "one",
    "filter",
    "map",
    "count",
    "find",
    "findIndex",
    "findLast",
    "findLastIndex",
    "sum",
    "groupBy",
    "sortBy",
    "reduce",
];

/// How deep brackets and operators may nest.
const MAX_DEPTH: u32 = 64;
/// How long an expression may be; the hub's longest has 19 KiB.
const MAX_BYTES: usize = 256 * 1024;
/// How many operands or members may follow each other, where each makes the tree deeper.
const MAX_CHAIN: usize = 100;

/// Parses a whole expression.
pub(super) fn parse(source: &str) -> Result<Ast, ExprError> {
    if source.len() > MAX_BYTES {
        return Err(ExprError::new(
            0,
            format!("the expression is longer than {MAX_BYTES} bytes"),
        ));
    }
    let mut parser = Parser {
        tokens: lex(source)?,
        next: 0,
        depth: 0,
    };
    let ast = parser.sequence()?;
    match parser.peek() {
        Kind::End => Ok(ast),
        other => Err(ExprError::new(
            parser.at(),
            format!("{} does not belong here", describe(other)),
        )),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    depth: u32,
}

fn describe(kind: &Kind) -> String {
    match kind {
        Kind::Name(name) => format!("{name:?}"),
        Kind::Text(_) => "a text".to_owned(),
        Kind::Int(_) | Kind::Float(_) => "a number".to_owned(),
        Kind::Sign(sign) => format!("{sign:?}"),
        Kind::End => "the end".to_owned(),
    }
}

// === impl Parser ===

impl Parser {
    fn peek(&self) -> &Kind {
        self.tokens.get(self.next).map_or(&Kind::End, |token| &token.kind)
    }

    fn peek_after(&self) -> &Kind {
        self.tokens
            .get(self.next + 1)
            .map_or(&Kind::End, |token| &token.kind)
    }

    fn at(&self) -> usize {
        self.tokens
            .get(self.next)
            .or(self.tokens.last())
            .map_or(0, |token| token.at)
    }

    fn word(&self) -> Option<&str> {
        match self.peek() {
            Kind::Name(name) => Some(name),
            Kind::Sign(sign) => Some(sign),
            _ => None,
        }
    }

    fn eat(&mut self, word: &str) -> bool {
        let is = self.word() == Some(word);
        self.next += usize::from(is);
        is
    }

    fn expect(&mut self, sign: &str) -> Result<(), ExprError> {
        if self.eat(sign) {
            return Ok(());
        }
        Err(ExprError::new(
            self.at(),
            format!("expected {sign:?}, found {}", describe(self.peek())),
        ))
    }

    fn name(&mut self) -> Result<String, ExprError> {
        let Kind::Name(name) = self.peek() else {
            return Err(ExprError::new(
                self.at(),
                format!("expected a name, found {}", describe(self.peek())),
            ));
        };
        let name = name.clone();
        self.next += 1;
        Ok(name)
    }

    /// `let a = ...; rest`, or expressions with `;` between them.
    fn sequence(&mut self) -> Result<Ast, ExprError> {
        let at = self.at();
        let first = self.expression(0)?;
        if self.word() != Some(";") {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.eat(";") {
            if matches!(self.peek(), Kind::End | Kind::Sign(")" | "}")) {
                break;
            }
            items.push(self.expression(0)?);
        }
        Ok(Ast {
            at,
            kind: Syntax::Sequence(items),
        })
    }

    fn declaration(&mut self) -> Result<Ast, ExprError> {
        let at = self.at();
        self.next += 1;
        let name = self.name()?;
        self.expect("=")?;
        let value = Box::new(self.expression(0)?);
        self.expect(";")?;
        self.enter(at)?;
        let body = Box::new(self.sequence()?);
        self.depth -= 1;
        Ok(Ast {
            at,
            kind: Syntax::Let { name, value, body },
        })
    }

    fn enter(&mut self, at: usize) -> Result<(), ExprError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ExprError::new(at, format!("nested deeper than {MAX_DEPTH}")));
        }
        Ok(())
    }

    fn expression(&mut self, tightness: u16) -> Result<Ast, ExprError> {
        let at = self.at();
        if tightness == 0 && self.word() == Some("let") && matches!(self.peek_after(), Kind::Name(_)) {
            return self.declaration();
        }
        self.enter(at)?;
        let mut left = self.operand()?;
        let (mut deepened, mut before) = (0, None);
        while let Some((op, negated, binds)) = self.operator(tightness)? {
            let op_at = self.at();
            if before == Some(Op::Coalesce) && op != Op::Coalesce {
                return Err(ExprError::new(
                    op_at,
                    "\"??\" and other operators do not mix: put parentheses around one",
                ));
            }
            before = Some(op);
            deepened += 1;
            if deepened > MAX_CHAIN && !matches!(op, Op::And | Op::Or) {
                return Err(ExprError::new(op_at, format!("more than {MAX_CHAIN} operands")));
            }
            self.next += 1 + usize::from(negated);
            left = match op {
                Op::Pipe => self.pipe(left)?,
                Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual => {
                    self.comparisons(left, (op, op_at), binds)?
                }
                _ => {
                    let right = self.expression(if op == Op::Power { binds } else { binds + 1 })?;
                    combine(op, op_at, left, right)
                }
            };
            if negated {
                left = Ast {
                    at: op_at,
                    kind: Syntax::Not(Box::new(left)),
                };
            }
        }
        self.depth -= 1;
        if tightness == 0 && self.word() == Some("?") {
            self.choice(left)
        } else {
            Ok(left)
        }
    }

    /// `a | f(b)` is `f(a, b)`.
    fn pipe(&mut self, left: Ast) -> Result<Ast, ExprError> {
        let at = self.at();
        let callee = Ast {
            at,
            kind: Syntax::Name(self.name()?),
        };
        self.expect("(")?;
        let args = self.arguments(&callee, Some(left))?;
        let callee = Box::new(callee);
        self.postfix(Ast {
            at,
            kind: Syntax::Call { callee, args },
        })
    }

    /// `a < b < c` is `a < b && b < c`.
    fn comparisons(&mut self, first: Ast, op: (Op, usize), binds: u16) -> Result<Ast, ExprError> {
        let ((mut op, mut op_at), mut left) = (op, first);
        let mut parts = Vec::new();
        loop {
            let right = self.expression(binds + 1)?;
            let next = match self.operator(binds)? {
                Some((next, false, _)) if next.is_order() => Some((next, self.at())),
                _ => None,
            };
            let Some((next, next_at)) = next else {
                parts.push(combine(op, op_at, left, right));
                break;
            };
            if parts.len() >= MAX_COMPARISONS {
                return Err(ExprError::new(
                    next_at,
                    format!("more than {MAX_COMPARISONS} comparisons in a row"),
                ));
            }
            self.next += 1;
            parts.push(combine(op, op_at, left, right.clone()));
            (op, op_at, left) = (next, next_at, right);
        }
        Ok(match parts.len() {
            1 => parts.remove(0),
            _ => Ast {
                at: op_at,
                kind: Syntax::Many {
                    op: Op::And,
                    items: parts,
                },
            },
        })
    }

    /// The operator that stands next, if it binds tightly enough.
    fn operator(&self, tightness: u16) -> Result<Option<(Op, bool, u16)>, ExprError> {
        let negated = self.word() == Some("not");
        let word = if negated {
            let (Kind::Name(name), at) = (self.peek_after(), self.at()) else {
                return Ok(None);
            };
            let suffixes = ["in", "matches", "contains", "startsWith", "endsWith"];
            if !suffixes.contains(&name.as_str()) {
                return Err(ExprError::new(
                    at,
                    "\"not\" stands between values only before in, matches, contains, startsWith and endsWith",
                ));
            }
            name.as_str()
        } else {
            let Some(word) = self.word() else { return Ok(None) };
            word
        };
        let found = BINARY
            .iter()
            .find(|(text, _, binds)| *text == word && *binds >= tightness);
        Ok(found.map(|(_, op, binds)| (*op, negated, *binds)))
    }

    /// `test ? yes : no`, or `test ?: no`.
    fn choice(&mut self, test: Ast) -> Result<Ast, ExprError> {
        let at = self.at();
        self.expect("?")?;
        self.enter(at)?;
        let yes = if self.word() == Some(":") {
            test.clone()
        } else {
            self.expression(0)?
        };
        self.expect(":")?;
        let no = self.expression(0)?;
        self.depth -= 1;
        Ok(Ast {
            at,
            kind: Syntax::Choice {
                test: Box::new(test),
                yes: Box::new(yes),
                no: Box::new(no),
            },
        })
    }
}

fn combine(op: Op, at: usize, mut left: Ast, right: Ast) -> Ast {
    let kind = match op {
        Op::And | Op::Or => {
            if let Syntax::Many { op: before, items } = &mut left.kind
                && *before == op
            {
                items.push(right);
                return left;
            }
            Syntax::Many {
                op,
                items: vec![left, right],
            }
        }
        Op::Range => Syntax::Range(Box::new(left), Box::new(right)),
        _ => Syntax::Binary {
            op,
            left: Box::new(left),
            right: Box::new(right),
        },
    };
    Ast { at, kind }
}

// === impl Op ===

impl Op {
    fn is_order(self) -> bool {
        matches!(
            self,
            Self::Less | Self::LessEqual | Self::Greater | Self::GreaterEqual
        )
    }
}
