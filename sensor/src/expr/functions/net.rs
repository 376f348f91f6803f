//! Functions on addresses.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;

use super::{Function, Want, function, text_arg};
use crate::expr::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    function("IpInRange", &[Want::Text, Want::Text], Want::Bool, |args, _| {
        let (ip, range) = (
            text_arg(args, 0)?.parse::<IpAddr>(),
            text_arg(args, 1)?.parse::<IpNet>(),
        );
        Ok(Value::Bool(
            matches!((ip, range), (Ok(ip), Ok(range)) if range.contains(&ip)),
        ))
    }),
    function("IsIP", &[Want::Text], Want::Bool, |args, _| {
        Ok(Value::Bool(text_arg(args, 0)?.parse::<IpAddr>().is_ok()))
    }),
    function("IsIPV4", &[Want::Text], Want::Bool, |args, _| {
        Ok(Value::Bool(matches!(
            text_arg(args, 0)?.parse(),
            Ok(IpAddr::V4(_))
        )))
    }),
    function("IsIPV6", &[Want::Text], Want::Bool, |args, _| {
        Ok(Value::Bool(matches!(
            text_arg(args, 0)?.parse(),
            Ok(IpAddr::V6(_))
        )))
    }),
    function("IpToRange", &[Want::Text, Want::Text], Want::Text, |args, _| {
        let ip = text_arg(args, 0)?.parse::<IpAddr>();
        let length = text_arg(args, 1)?.trim_start_matches('/').parse::<u8>();
        let range = match (ip, length) {
            (Ok(ip), Ok(length)) => IpNet::new(ip, length).ok(),
            _ => None,
        };
        Ok(Value::Text(Cow::Owned(
            range.map_or_else(String::new, |range| range.trunc().to_string()),
        )))
    }),
];
