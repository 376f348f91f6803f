//! Reading a row column by column; what cannot be read is a corrupt row of a named kind.

use std::fmt::Display;
use std::sync::Arc;

use vigie_wire::Timestamp;

use super::corrupt;
use crate::StoreError;
use crate::columns::BadColumn;

/// What stands in a column.
#[derive(Debug, Default)]
pub enum Field {
    /// NULL, or already taken.
    #[default]
    Null,
    /// A number, also true and false where the database has no word for them.
    Int(i64),
    /// True or false.
    Flag(bool),
    /// A text, as it was bound.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// What the driver could not read.
    Unreadable(Box<dyn std::error::Error + Send + Sync>),
}

/// One row, as a database gave it.
#[derive(Debug)]
pub struct Row {
    /// The names of its columns, shared by all rows of one answer.
    pub names: Arc<[String]>,
    /// What stands there, in the same order.
    pub fields: Vec<Field>,
}

/// A row that is being read, and what to call it when it cannot be.
#[derive(Debug)]
pub(super) struct Columns {
    row: Row,
    what: &'static str,
}

// === impl Columns ===

impl Columns {
    pub(super) const fn new(row: Row, what: &'static str) -> Self {
        Self { row, what }
    }

    fn take(&mut self, column: &'static str) -> Result<Field, StoreError> {
        let place = self.row.names.iter().position(|name| name == column);
        match place.and_then(|place| self.row.fields.get_mut(place)) {
            Some(field) => match std::mem::take(field) {
                Field::Unreadable(error) => Err(corrupt(self.what, error)),
                field => Ok(field),
            },
            None => Err(self.bad(column, "no such column")),
        }
    }

    fn mistyped(&self, column: &'static str, field: &Field) -> StoreError {
        self.bad(column, format!("{field:?}"))
    }

    /// A number of any width that fits.
    pub(super) fn number<T: TryFrom<i64>>(&mut self, column: &'static str) -> Result<T, StoreError> {
        self.number_or_none(column)?
            .ok_or_else(|| self.mistyped(column, &Field::Null))
    }

    /// A number of any width that fits, or none.
    pub(super) fn number_or_none<T: TryFrom<i64>>(
        &mut self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        match self.take(column)? {
            Field::Null => Ok(None),
            Field::Int(wide) => match T::try_from(wide) {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(self.bad(column, wide)),
            },
            other => Err(self.mistyped(column, &other)),
        }
    }

    pub(super) fn time(&mut self, column: &'static str) -> Result<Timestamp, StoreError> {
        self.number(column).map(Timestamp::from_millis)
    }

    pub(super) fn time_or_none(&mut self, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.number_or_none(column)?.map(Timestamp::from_millis))
    }

    pub(super) fn flag(&mut self, column: &'static str) -> Result<bool, StoreError> {
        match self.take(column)? {
            Field::Flag(flag) => Ok(flag),
            Field::Int(0) => Ok(false),
            Field::Int(1) => Ok(true),
            other => Err(self.mistyped(column, &other)),
        }
    }

    pub(super) fn text(&mut self, column: &'static str) -> Result<String, StoreError> {
        self.text_or_none(column)?
            .ok_or_else(|| self.mistyped(column, &Field::Null))
    }

    pub(super) fn text_or_none(&mut self, column: &'static str) -> Result<Option<String>, StoreError> {
        match self.take(column)? {
            Field::Null => Ok(None),
            Field::Text(text) => Ok(Some(text)),
            other => Err(self.mistyped(column, &other)),
        }
    }

    pub(super) fn bytes(&mut self, column: &'static str) -> Result<Vec<u8>, StoreError> {
        match self.take(column)? {
            Field::Bytes(bytes) => Ok(bytes),
            other => Err(self.mistyped(column, &other)),
        }
    }

    /// A hash or name of fixed width.
    pub(super) fn array<const N: usize>(&mut self, column: &'static str) -> Result<[u8; N], StoreError> {
        self.array_or_none(column)?
            .ok_or_else(|| self.mistyped(column, &Field::Null))
    }

    /// The same, or NULL.
    pub(super) fn array_or_none<const N: usize>(
        &mut self,
        column: &'static str,
    ) -> Result<Option<[u8; N]>, StoreError> {
        let bytes = match self.take(column)? {
            Field::Null => return Ok(None),
            Field::Bytes(bytes) => bytes,
            other => return Err(self.mistyped(column, &other)),
        };
        let array = <[u8; N]>::try_from(bytes);
        array
            .map(Some)
            .map_err(|bytes| self.bad(column, format!("{} bytes", bytes.len())))
    }

    /// A text, through a function that understands it.
    pub(super) fn read<T, E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        &mut self,
        column: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, StoreError> {
        let text = self.text(column)?;
        read(&text).map_err(|error| corrupt(self.what, error))
    }

    pub(super) fn bad(&self, column: &'static str, found: impl Display) -> StoreError {
        let found = found.to_string();
        corrupt(self.what, BadColumn { column, found })
    }
}
