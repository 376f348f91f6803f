//! A statement and what is bound to it. The text never holds a value, only `$1`, `$2`, ...
//!
//! Deliberately absent: building of whole statements. What differs between databases is one thing: how many rows at
//! once are given to a statement ([`Query::with`]).

use std::borrow::Cow;

use vigie_wire::Timestamp;

/// One bound value.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// A number, or NULL.
    Int(Option<i64>),
    /// True or false.
    Flag(bool),
    /// A text, or NULL. It may hold any character.
    Text(Option<Cow<'a, str>>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// Many values at once, for databases that bind arrays.
    Array(Column<'a>),
}

/// One column of many rows.
#[derive(Clone, Debug)]
pub enum Column<'a> {
    /// Numbers.
    Ints(Vec<i64>),
    /// True or false.
    Flags(Vec<bool>),
    /// Texts.
    Texts(Vec<Cow<'a, str>>),
    /// Bytes.
    Blobs(Vec<Cow<'a, [u8]>>),
}

/// A statement with its values, ready for a database.
#[derive(Clone, Debug)]
pub struct Query<'a> {
    text: Cow<'static, str>,
    values: Vec<Value<'a>>,
    once: bool,
}

// === impl Query ===

impl<'a> Query<'a> {
    /// A statement; bind its parameters in order.
    pub(super) const fn new(text: &'static str) -> Self {
        Self {
            text: Cow::Borrowed(text),
            values: Vec::new(),
            once: false,
        }
    }

    /// `WITH name (columns) AS (the rows)`, to which the statement that uses them is pushed. There must be rows, all
    /// columns equally long.
    pub(super) fn with(arrays: bool, name: &str, columns: Vec<(&str, Column<'a>)>) -> Self {
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        let columns: Vec<Column<'a>> = columns.into_iter().map(|(_, column)| column).collect();
        let mut query = Self::new("");
        query.push(&format!("WITH {name} ({}) AS (", names.join(", ")));
        if arrays {
            query.arrays(columns);
        } else {
            query.spelled(columns);
            // Its length is in its text: not worth a prepared statement.
            query.once = true;
        }
        query.push(") ");
        query
    }

    fn arrays(&mut self, columns: Vec<Column<'a>>) {
        self.push("SELECT * FROM UNNEST(");
        for (place, column) in columns.into_iter().enumerate() {
            let kind = column.kind();
            self.push(if place == 0 { "" } else { ", " });
            self.push_bind(Value::Array(column));
            self.push("::").push(kind).push("[]");
        }
        self.push(")");
    }

    fn spelled(&mut self, columns: Vec<Column<'a>>) {
        let rows = columns.first().map_or(0, Column::len);
        let mut columns: Vec<_> = columns.into_iter().map(Column::into_values).collect();
        for row in 0..rows {
            self.push(if row == 0 { "VALUES (" } else { "), (" });
            for (place, value) in columns.iter_mut().filter_map(Iterator::next).enumerate() {
                self.push(if place == 0 { "" } else { ", " });
                self.push_bind(value);
            }
        }
        self.push(")");
    }

    /// Binds the next parameter of the text.
    pub(super) fn bind(mut self, value: impl Into<Value<'a>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Goes on with the text.
    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.text.to_mut().push_str(text);
        self
    }

    /// Goes on with a parameter and its value.
    pub(super) fn push_bind(&mut self, value: impl Into<Value<'a>>) -> &mut Self {
        self.values.push(value.into());
        let number = self.values.len();
        self.push(&format!("${number}"))
    }

    /// `LIMIT`, unless it is zero.
    pub(super) fn limit(&mut self, limit: u32) -> &mut Self {
        if limit > 0 {
            self.push(" LIMIT ").push_bind(i64::from(limit));
        }
        self
    }

    /// The statement.
    pub fn text(&self) -> &Cow<'static, str> {
        &self.text
    }

    /// Its values, the first for `$1`.
    pub fn values(&self) -> &[Value<'a>] {
        &self.values
    }

    /// Whether it will hardly come again in the same words, so that preparing it is no use.
    pub const fn once(&self) -> bool {
        self.once
    }
}

// === impl Column ===

impl<'a> Column<'a> {
    fn len(&self) -> usize {
        match self {
            Self::Ints(values) => values.len(),
            Self::Flags(values) => values.len(),
            Self::Texts(values) => values.len(),
            Self::Blobs(values) => values.len(),
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Ints(_) => "bigint",
            Self::Flags(_) => "boolean",
            Self::Texts(_) => "text",
            Self::Blobs(_) => "bytea",
        }
    }

    fn into_values(self) -> Box<dyn Iterator<Item = Value<'a>> + Send + 'a> {
        match self {
            Self::Ints(values) => Box::new(values.into_iter().map(Value::from)),
            Self::Flags(values) => Box::new(values.into_iter().map(Value::Flag)),
            Self::Texts(values) => Box::new(values.into_iter().map(|text| Value::Text(Some(text)))),
            Self::Blobs(values) => Box::new(values.into_iter().map(Value::Bytes)),
        }
    }

    /// Numbers that fit, or are made to.
    pub(super) fn ints(values: impl Iterator<Item = impl Into<i64>>) -> Self {
        Self::Ints(values.map(Into::into).collect())
    }

    /// Texts.
    pub(super) fn texts<T: Into<Cow<'a, str>>>(values: impl Iterator<Item = T>) -> Self {
        Self::Texts(values.map(Into::into).collect())
    }

    /// Bytes of other values.
    pub(super) fn blobs(values: impl Iterator<Item = &'a [u8]>) -> Self {
        Self::Blobs(values.map(Cow::Borrowed).collect())
    }
}

// === impl Value ===

macro_rules! ints {
    ($($int:ty),*) => {$(
        impl From<$int> for Value<'_> {
            fn from(number: $int) -> Self {
                Self::Int(Some(i64::from(number)))
            }
        }
    )*};
}

ints!(i64, u32, i32, u16, u8);

impl From<Option<i64>> for Value<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::Int(number)
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(at: Timestamp) -> Self {
        Self::Int(Some(at.as_millis()))
    }
}

impl From<Option<Timestamp>> for Value<'_> {
    fn from(at: Option<Timestamp>) -> Self {
        Self::Int(at.map(Timestamp::as_millis))
    }
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(Cow::Borrowed(text)))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Some(Cow::Borrowed(text)))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Some(Cow::Owned(text)))
    }
}

impl From<Option<String>> for Value<'_> {
    fn from(text: Option<String>) -> Self {
        Self::Text(text.map(Cow::Owned))
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }
}

impl From<Vec<u8>> for Value<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(Cow::Owned(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_arrays_or_spelled_and_parameters_go_on_behind_them() {
        let columns = || {
            vec![
                ("id", Column::Ints(vec![1, 2])),
                ("name", Column::texts(["a", "b"].into_iter())),
            ]
        };
        let check = |arrays, text: &str, values| {
            let mut query = Query::with(arrays, "batch", columns());
            query.push("SELECT ").push_bind(3_i64);
            assert_eq!((query.text().as_ref(), query.values().len()), (text, values));
        };
        check(
            true,
            "WITH batch (id, name) AS (SELECT * FROM UNNEST($1::bigint[], $2::text[])) SELECT $3",
            3,
        );
        check(
            false,
            "WITH batch (id, name) AS (VALUES ($1, $2), ($3, $4)) SELECT $5",
            5,
        );
    }
}
