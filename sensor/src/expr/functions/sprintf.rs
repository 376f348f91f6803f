//! `Sprintf`, with the verbs, flags and complaints of Go's `fmt`.

use super::{Function, Want, function, text_arg, text_value};
use crate::expr::EvalError;
use crate::expr::eval::fuel::{MAX_MADE_BYTES, TEXT_TOO_LONG};
use crate::expr::value::Value;
use crate::parse::json::Json;

/// How wide a field may be.
const MAX_WIDTH: usize = 1_000;

pub(super) const FUNCTIONS: &[Function] = &[Function {
    least: 1,
    more: true,
    ..function("Sprintf", &[Want::Text, Want::Any], Want::Text, |args, _| {
        Ok(text_value(format(args)?))
    })
}];

#[expect(clippy::struct_excessive_bools, reason = "they are the flags of a verb")]
#[derive(Debug, Default, Clone, Copy)]
struct Spec {
    left: bool,
    plus: bool,
    zero: bool,
    sharp: bool,
    space: bool,
    width: usize,
    precision: Option<usize>,
}

/// Formats: the first argument is the format, the others are what it is filled with.
pub(super) fn format(args: &[Value<'_>]) -> Result<String, EvalError> {
    let format = text_arg(args, 0)?;
    let mut out = String::with_capacity(format.len() + 16);
    let (mut chars, mut next) = (format.chars().peekable(), 1);
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut spec = Spec::default();
        while let Some(flag) = chars.next_if(|c| "-+0# ".contains(*c)) {
            match flag {
                '-' => spec.left = true,
                '+' => spec.plus = true,
                '0' => spec.zero = true,
                '#' => spec.sharp = true,
                _ => spec.space = true,
            }
        }
        let number = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| {
            let mut number: Option<usize> = None;
            while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                chars.next();
                let digit = usize::try_from(digit).unwrap_or(0);
                number = Some((number.unwrap_or(0) * 10 + digit).min(MAX_WIDTH));
            }
            number
        };
        spec.width = number(&mut chars).unwrap_or(0);
        if chars.next_if_eq(&'.').is_some() {
            spec.precision = Some(number(&mut chars).unwrap_or(0));
        }
        let Some(verb) = chars.next() else {
            out.push_str("%!(NOVERB)");
            break;
        };
        if verb == '%' {
            out.push('%');
            continue;
        }
        let Some(value) = args.get(next) else {
            out.push_str(&format!("%!{verb}(MISSING)"));
            continue;
        };
        next += 1;
        let written = write(value, verb, spec).unwrap_or_else(|| {
            let value_text = value.display();
            if value.is_nil() {
                return format!("%!{verb}(<nil>)");
            }
            format!("%!{verb}({}={value_text})", go_type(value))
        });
        pad(&written, spec, &mut out);
        if out.len() > MAX_MADE_BYTES {
            return Err(TEXT_TOO_LONG.into());
        }
    }
    let extra: Vec<String> = args
        .iter()
        .skip(next)
        .map(|value| match value.is_nil() {
            true => "<nil>".to_owned(),
            false => format!("{}={}", go_type(value), value.display()),
        })
        .collect();
    if !extra.is_empty() {
        out.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    Ok(out)
}

fn pad(written: &str, spec: Spec, out: &mut String) {
    let missing = spec.width.saturating_sub(written.chars().count());
    if spec.left {
        out.push_str(written);
        out.extend(std::iter::repeat_n(' ', missing));
    } else if spec.zero {
        let digits = written.trim_start_matches(['-', '+']);
        out.push_str(written.get(..written.len() - digits.len()).unwrap_or(""));
        out.extend(std::iter::repeat_n('0', missing));
        out.push_str(digits);
    } else {
        out.extend(std::iter::repeat_n(' ', missing));
        out.push_str(written);
    }
}

fn go_type(value: &Value<'_>) -> &'static str {
    match value {
        Value::Bool(_) | Value::Json(Json::Bool(_)) => "bool",
        Value::Int(_) => "int",
        Value::Float(_) | Value::Json(Json::Number(_)) => "float64",
        Value::Time(_) => "time.Time",
        Value::Duration(_) => "time.Duration",
        other if other.as_str().is_some() => "string",
        other if other.entries().is_some() => "map[string]interface {}",
        Value::Texts(_) => "[]string",
        _ => "[]interface {}",
    }
}

/// A value by a verb; `None` if they do not go together.
fn write(value: &Value<'_>, verb: char, spec: Spec) -> Option<String> {
    let signed = |text: String| {
        if text.starts_with('-') {
            text
        } else if spec.plus {
            format!("+{text}")
        } else if spec.space {
            format!(" {text}")
        } else {
            text
        }
    };
    let float = match value {
        Value::Float(number) | Value::Json(Json::Number(number)) => Some(*number),
        _ => None,
    };
    let whole = match value {
        Value::Int(number) | Value::Duration(number) => Some(*number),
        _ => None,
    };
    Some(match verb {
        'v' => match value {
            Value::Int(_) => signed(value.display().into_owned()),
            _ => value.display().into_owned(),
        },
        's' => match value {
            Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Nil => return None,
            _ if float.is_some() || value.is_nil() || value.as_bool().is_some() => return None,
            _ => {
                let text = value.display();
                text.chars().take(spec.precision.unwrap_or(usize::MAX)).collect()
            }
        },
        'q' => format!("{:?}", value.as_str()?),
        't' => value.as_bool()?.to_string(),
        'T' => go_type(value).to_owned(),
        'd' => signed(whole?.to_string()),
        'b' => format!("{:b}", whole?),
        'o' => format!("{:o}", whole?),
        'c' => char::from_u32(u32::try_from(whole?).ok()?)?.to_string(),
        'x' | 'X' => {
            let hex = match (whole, value.as_str()) {
                (Some(number), _) => {
                    format!("{}{:x}", if number < 0 { "-" } else { "" }, number.unsigned_abs())
                }
                (None, Some(text)) => hex::encode(text),
                (None, None) => return None,
            };
            let hex = if spec.sharp { format!("0x{hex}") } else { hex };
            if verb == 'X' { hex.to_uppercase() } else { hex }
        }
        'f' | 'F' => signed(format!("{:.*}", spec.precision.unwrap_or(6), float?)),
        'e' => signed(exponent(format!("{:.*e}", spec.precision.unwrap_or(6), float?))),
        'g' => signed(crate::expr::go::float(float?)),
        _ => return None,
    })
}

/// Go writes at least two digits and a sign.
fn exponent(text: String) -> String {
    let Some((digits, exponent)) = text.split_once('e') else {
        return text;
    };
    match exponent.strip_prefix('-') {
        Some(exponent) => format!("{digits}e-{exponent:0>2}"),
        None => format!("{digits}e+{exponent:0>2}"),
    }
}
