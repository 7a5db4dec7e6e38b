//! A key of the file: its value and where it is written, or nothing.

use std::borrow::Cow;
use std::ops::Range;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

/// A value and where it is written; nothing where the file leaves the key out.
#[derive(Clone, Debug)]
pub(super) struct Key<T>(Option<Spanned<T>>);

impl<T> Default for Key<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Key<T> {
    /// What is written.
    pub(super) fn get(&self) -> Option<&T> {
        self.0.as_ref().map(Spanned::get_ref)
    }

    /// Whether anything is.
    pub(super) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// What is written, and where.
    pub(super) fn written(&self) -> Option<(&T, Range<usize>)> {
        self.0.as_ref().map(|it| (it.get_ref(), it.span()))
    }

    /// Where it is written, or else `table`.
    pub(super) fn span_or(&self, table: &Range<usize>) -> Range<usize> {
        self.0.as_ref().map_or_else(|| table.clone(), Spanned::span)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Key<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Some).map(Self)
    }
}

/// The schema of what is written.
impl<T: JsonSchema> JsonSchema for Key<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}
