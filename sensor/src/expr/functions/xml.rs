//! Functions on XML, of which a line is one document.

use super::{Function, Want, function, text_arg, text_value};
use crate::expr::value::Value;
use crate::expr::xml;

pub(super) const FUNCTIONS: &[Function] = &[
    function(
        "XMLGetNodeValue",
        &[Want::Text, Want::Text],
        Want::Text,
        |args, _| {
            let (text, path) = (text_arg(args, 0)?, text_arg(args, 1)?);
            let found = xml::with(text, |document| document.text(path));
            Ok(found.map_or(Value::text(""), text_value))
        },
    ),
    function(
        "XMLGetAttributeValue",
        &[Want::Text, Want::Text, Want::Text],
        Want::Text,
        |args, _| {
            let (text, path, name) = (text_arg(args, 0)?, text_arg(args, 1)?, text_arg(args, 2)?);
            let found = xml::with(text, |document| document.attribute(path, name));
            Ok(found.map_or(Value::text(""), text_value))
        },
    ),
];
