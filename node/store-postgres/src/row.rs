//! Reading a row column by column; what cannot be read is a corrupt row of a named kind.
//!
//! Deliberately absent: sqlx's derived rows. They cannot say which kind of row was at fault.

use std::fmt::Display;

use sqlx::postgres::PgRow;
use sqlx::{Decode, Postgres, Row, Type};
use vigie_store::StoreError;
use vigie_store::columns::BadColumn;
use vigie_store::wire::Timestamp;

use crate::error::corrupt;
use crate::text;

/// One row, and what to call it when it cannot be read.
pub(crate) struct Columns<'r> {
    row: &'r PgRow,
    what: &'static str,
}

// === impl Columns ===

impl<'r> Columns<'r> {
    pub(crate) fn new(row: &'r PgRow, what: &'static str) -> Self {
        Self { row, what }
    }

    fn get<T: Decode<'r, Postgres> + Type<Postgres>>(&self, column: &'static str) -> Result<T, StoreError> {
        self.row
            .try_get(column)
            .map_err(|error| corrupt(self.what, error))
    }

    /// A number of any width that fits.
    pub(crate) fn number<T: TryFrom<i64>>(&self, column: &'static str) -> Result<T, StoreError> {
        self.narrow(column, self.get(column)?)
    }

    /// A number of any width that fits, or none.
    pub(crate) fn number_or_none<T: TryFrom<i64>>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let wide: Option<i64> = self.get(column)?;
        wide.map(|wide| self.narrow(column, wide)).transpose()
    }

    fn narrow<T: TryFrom<i64>>(&self, column: &'static str, wide: i64) -> Result<T, StoreError> {
        T::try_from(wide).map_err(|_| self.bad(column, wide))
    }

    pub(crate) fn time(&self, column: &'static str) -> Result<Timestamp, StoreError> {
        self.number(column).map(Timestamp::from_millis)
    }

    pub(crate) fn time_or_none(&self, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.number_or_none(column)?.map(Timestamp::from_millis))
    }

    pub(crate) fn flag(&self, column: &'static str) -> Result<bool, StoreError> {
        self.get(column)
    }

    /// A text as it was before [`crate::text::escaped`].
    pub(crate) fn text(&self, column: &'static str) -> Result<String, StoreError> {
        self.get(column).map(text::unescaped)
    }

    pub(crate) fn text_or_none(&self, column: &'static str) -> Result<Option<String>, StoreError> {
        Ok(self.get::<Option<String>>(column)?.map(text::unescaped))
    }

    pub(crate) fn bytes(&self, column: &'static str) -> Result<Vec<u8>, StoreError> {
        self.get(column)
    }

    /// A hash or name of fixed width.
    pub(crate) fn array<const N: usize>(&self, column: &'static str) -> Result<[u8; N], StoreError> {
        let bytes = self.bytes(column)?;
        <[u8; N]>::try_from(bytes).map_err(|bytes| self.bad(column, format!("{} bytes", bytes.len())))
    }

    /// A text, through a function that understands it.
    pub(crate) fn read<T, E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        &self,
        column: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, StoreError> {
        self.understood(read(&self.text(column)?))
    }

    /// What a function made of several columns.
    pub(crate) fn understood<T, E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        &self,
        outcome: Result<T, E>,
    ) -> Result<T, StoreError> {
        outcome.map_err(|error| corrupt(self.what, error))
    }

    pub(crate) fn bad<T: Display>(&self, column: &'static str, found: T) -> StoreError {
        corrupt(
            self.what,
            BadColumn {
                column,
                found: found.to_string(),
            },
        )
    }
}
