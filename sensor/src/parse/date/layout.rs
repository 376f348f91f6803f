//! Go's layouts for reading times: a layout is a sample of the moment 2006-01-02T15:04:05-07:00.
//!
//! Runs of spaces in text and layout match each other whatever their length, and a fraction may follow the
//! seconds though the layout has none, both as in Go.

/// One element of a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Literal(Box<str>),
    Year4,
    Year2,
    MonthName {
        long: bool,
    },
    Month {
        digits: Digits,
    },
    WeekdayName {
        long: bool,
    },
    Day {
        digits: Digits,
    },
    DayOfYear,
    Hour24,
    Hour12 {
        digits: Digits,
    },
    Minute {
        digits: Digits,
    },
    Second {
        digits: Digits,
    },
    /// `.000`, `,999`: exactly so many digits, or as many as there are.
    Fraction {
        exactly: Option<usize>,
    },
    HalfDay,
    ZoneName,
    Offset {
        zulu: bool,
        colons: bool,
        parts: usize,
    },
}

/// How many digits a number has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Digits {
    OneOrTwo,
    Two,
    /// One, with a space before it.
    Padded,
}

/// A layout, split into its elements.
#[derive(Debug, Clone)]
pub struct Layout(Vec<Token>);

/// What was read; what is missing stays `None` or zero.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fields {
    pub(super) year: Option<i64>,
    pub(super) month: Option<i64>,
    pub(super) day: Option<i64>,
    pub(super) day_of_year: Option<i64>,
    hour: i64,
    afternoon: Option<bool>,
    pub(super) minute: i64,
    pub(super) second: i64,
    pub(super) nanos: u32,
    pub(super) offset_secs: i32,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// Longest first where one begins another.
const SAMPLES: &[(&str, Token)] = &[
    ("January", Token::MonthName { long: true }),
    ("Jan", Token::MonthName { long: false }),
    ("Monday", Token::WeekdayName { long: true }),
    ("Mon", Token::WeekdayName { long: false }),
    ("MST", Token::ZoneName),
    ("2006", Token::Year4),
    ("__2", Token::DayOfYear),
    (
        "_2",
        Token::Day {
            digits: Digits::Padded,
        },
    ),
    (
        "-07:00:00",
        Token::Offset {
            zulu: false,
            colons: true,
            parts: 3,
        },
    ),
    (
        "-070000",
        Token::Offset {
            zulu: false,
            colons: false,
            parts: 3,
        },
    ),
    (
        "-07:00",
        Token::Offset {
            zulu: false,
            colons: true,
            parts: 2,
        },
    ),
    (
        "-0700",
        Token::Offset {
            zulu: false,
            colons: false,
            parts: 2,
        },
    ),
    (
        "-07",
        Token::Offset {
            zulu: false,
            colons: false,
            parts: 1,
        },
    ),
    (
        "Z07:00:00",
        Token::Offset {
            zulu: true,
            colons: true,
            parts: 3,
        },
    ),
    (
        "Z070000",
        Token::Offset {
            zulu: true,
            colons: false,
            parts: 3,
        },
    ),
    (
        "Z07:00",
        Token::Offset {
            zulu: true,
            colons: true,
            parts: 2,
        },
    ),
    (
        "Z0700",
        Token::Offset {
            zulu: true,
            colons: false,
            parts: 2,
        },
    ),
    (
        "Z07",
        Token::Offset {
            zulu: true,
            colons: false,
            parts: 1,
        },
    ),
    ("002", Token::DayOfYear),
    ("01", Token::Month { digits: Digits::Two }),
    ("02", Token::Day { digits: Digits::Two }),
    ("03", Token::Hour12 { digits: Digits::Two }),
    ("04", Token::Minute { digits: Digits::Two }),
    ("05", Token::Second { digits: Digits::Two }),
    ("06", Token::Year2),
    ("15", Token::Hour24),
    ("PM", Token::HalfDay),
    ("pm", Token::HalfDay),
    (
        "1",
        Token::Month {
            digits: Digits::OneOrTwo,
        },
    ),
    (
        "2",
        Token::Day {
            digits: Digits::OneOrTwo,
        },
    ),
    (
        "3",
        Token::Hour12 {
            digits: Digits::OneOrTwo,
        },
    ),
    (
        "4",
        Token::Minute {
            digits: Digits::OneOrTwo,
        },
    ),
    (
        "5",
        Token::Second {
            digits: Digits::OneOrTwo,
        },
    ),
];

// === impl Layout ===

impl Layout {
    /// Splits a layout.
    pub fn new(text: &str) -> Self {
        let mut tokens = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if let Some((len, token)) = sample(rest, first) {
                if !literal.is_empty() {
                    tokens.push(Token::Literal(std::mem::take(&mut literal).into()));
                }
                tokens.push(token);
                rest = rest.get(len..).unwrap_or("");
            } else {
                literal.push(first);
                rest = rest.get(first.len_utf8()..).unwrap_or("");
            }
        }
        if !literal.is_empty() {
            tokens.push(Token::Literal(literal.into()));
        }
        Self(tokens)
    }

    /// Reads a text of this layout; `None` if it is of another.
    pub(super) fn read(&self, text: &str) -> Option<Fields> {
        let mut fields = Fields::default();
        let mut reader = Reader(text);
        for (at, token) in self.0.iter().enumerate() {
            let fraction_follows = matches!(self.0.get(at + 1), Some(Token::Fraction { .. }));
            reader.token(token, fraction_follows, &mut fields)?;
        }
        (reader.0.is_empty() && fields.is_valid()).then_some(fields)
    }
}

fn sample(rest: &str, first: char) -> Option<(usize, Token)> {
    if matches!(first, '.' | ',') {
        let run = |digit: char| rest.chars().skip(1).take_while(|c| *c == digit).count();
        let (zeros, nines) = (run('0'), run('9'));
        let len = zeros.max(nines);
        let ends = !rest
            .get(1 + len..)
            .is_some_and(|after| after.starts_with(|c: char| c.is_ascii_digit()));
        if len > 0 && ends {
            return Some((
                1 + len,
                Token::Fraction {
                    exactly: (zeros > 0).then_some(zeros),
                },
            ));
        }
        return None;
    }
    let (text, token) = SAMPLES.iter().find(|(text, _)| rest.starts_with(text))?;
    // "Month" is no sample of a weekday.
    if matches!(*text, "Jan" | "Mon")
        && rest
            .get(3..)
            .is_some_and(|after| after.starts_with(|c: char| c.is_ascii_lowercase()))
    {
        return None;
    }
    Some((text.len(), token.clone()))
}

// === impl Fields ===

impl Fields {
    pub(super) fn hour24(&self) -> i64 {
        match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        }
    }

    fn is_valid(&self) -> bool {
        let leap = self
            .year
            .is_none_or(|year| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
        let last = match self.month.unwrap_or(1) {
            2 => 28 + i64::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return false,
        };
        (1..=last).contains(&self.day.unwrap_or(1))
            && self.day_of_year.is_none_or(|day| (1..=366).contains(&day))
            && (0..24).contains(&self.hour)
            && (0..60).contains(&self.minute)
            && (0..60).contains(&self.second)
    }
}

/// What is left of the text.
struct Reader<'t>(&'t str);

// === impl Reader ===

impl Reader<'_> {
    fn token(&mut self, token: &Token, fraction_follows: bool, fields: &mut Fields) -> Option<()> {
        match token {
            Token::Literal(text) => self.literal(text)?,
            Token::Year4 => fields.year = Some(self.exactly(4)?),
            Token::Year2 => {
                let year = self.exactly(2)?;
                fields.year = Some(if year >= 69 { 1900 + year } else { 2000 + year });
            }
            Token::MonthName { long } => fields.month = Some(self.name(&MONTHS, *long)? + 1),
            Token::WeekdayName { long } => {
                self.name(&DAYS, *long)?;
            }
            Token::Month { digits } => fields.month = Some(self.number(*digits)?),
            Token::Day { digits } => fields.day = Some(self.number(*digits)?),
            Token::DayOfYear => {
                self.0 = self.0.trim_start_matches(' ');
                let len = self.0.bytes().take(3).take_while(u8::is_ascii_digit).count();
                fields.day_of_year = Some(self.exactly(len)?);
            }
            Token::Hour24 => fields.hour = self.number(Digits::OneOrTwo)?,
            Token::Hour12 { digits } => {
                fields.hour = self.number(*digits)?;
                if fields.hour > 12 {
                    return None;
                }
            }
            Token::Minute { digits } => fields.minute = self.number(*digits)?,
            Token::Second { digits } => {
                fields.second = self.number(*digits)?;
                let fraction = self.0.strip_prefix(['.', ',']);
                if !fraction_follows
                    && fraction.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
                {
                    self.fraction(None, fields)?;
                }
            }
            Token::Fraction { exactly } => {
                if exactly.is_some() || self.0.starts_with(['.', ',']) {
                    self.fraction(*exactly, fields)?;
                }
            }
            Token::HalfDay => {
                let half = self.0.get(..2)?;
                fields.afternoon = Some(match half {
                    "PM" | "pm" => true,
                    "AM" | "am" => false,
                    _ => return None,
                });
                self.skip(2);
            }
            Token::ZoneName => {
                let len = self.0.bytes().take_while(u8::is_ascii_uppercase).count();
                if !(3..=5).contains(&len) {
                    return None;
                }
                self.skip(len);
            }
            Token::Offset { zulu, colons, parts } => self.offset(*zulu, *colons, *parts, fields)?,
        }
        Some(())
    }

    fn skip(&mut self, len: usize) {
        self.0 = self.0.get(len..).unwrap_or("");
    }

    fn literal(&mut self, literal: &str) -> Option<()> {
        let mut want = literal;
        while let Some(c) = want.chars().next() {
            if c == ' ' {
                if !self.0.is_empty() && !self.0.starts_with(' ') {
                    return None;
                }
                want = want.trim_start_matches(' ');
                self.0 = self.0.trim_start_matches(' ');
                continue;
            }
            self.0 = self.0.strip_prefix(c)?;
            want = want.get(c.len_utf8()..)?;
        }
        Some(())
    }

    fn exactly(&mut self, len: usize) -> Option<i64> {
        let digits = self
            .0
            .get(..len)
            .filter(|digits| len > 0 && digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        let number = digits.parse().ok();
        self.skip(len);
        number
    }

    fn number(&mut self, digits: Digits) -> Option<i64> {
        if digits == Digits::Padded {
            self.0 = self.0.strip_prefix(' ').unwrap_or(self.0);
        }
        let found = self.0.bytes().take(2).take_while(u8::is_ascii_digit).count();
        if digits == Digits::Two && found != 2 {
            return None;
        }
        self.exactly(found)
    }

    fn name(&mut self, names: &[&str], long: bool) -> Option<i64> {
        let len = |name: &str| if long { name.len() } else { 3 };
        let at = names.iter().position(|name| {
            let head = self.0.get(..len(name));
            head.is_some_and(|head| {
                name.get(..len(name))
                    .is_some_and(|name| head.eq_ignore_ascii_case(name))
            })
        })?;
        self.skip(names.get(at).map_or(3, |name| len(name)));
        i64::try_from(at).ok()
    }

    fn fraction(&mut self, exactly: Option<usize>, fields: &mut Fields) -> Option<()> {
        self.0 = self.0.strip_prefix(['.', ','])?;
        let found = self.0.bytes().take_while(u8::is_ascii_digit).count();
        if found == 0 || exactly.is_some_and(|exactly| exactly != found) {
            return None;
        }
        let nanos = self.0.bytes().take(found).chain(std::iter::repeat(b'0')).take(9);
        fields.nanos = nanos.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0'));
        self.skip(found);
        Some(())
    }

    fn offset(&mut self, zulu: bool, colons: bool, parts: usize, fields: &mut Fields) -> Option<()> {
        if zulu && self.0.starts_with('Z') {
            self.skip(1);
            return Some(());
        }
        let sign = if self.0.starts_with('-') { -1 } else { 1 };
        self.0 = self.0.strip_prefix(['+', '-'])?;
        let mut secs = 0;
        for part in 0..parts {
            if colons && part > 0 {
                self.0 = self.0.strip_prefix(':')?;
            }
            let number = self.exactly(2)?;
            secs += number * [3_600, 60, 1].get(part).copied().unwrap_or(0);
        }
        if secs > 86_400 {
            return None;
        }
        fields.offset_secs = i32::try_from(secs * sign).ok()?;
        Some(())
    }
}
