//! Functions on addresses.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;

use super::{Function, Want, function, text_arg};
use crate::address;
use crate::expr::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    function("IpInRange", &[Want::Text, Want::Text], Want::Bool, |args, _| {
        let (ip, range) = (
            address::read(text_arg(args, 0)?),
            text_arg(args, 1)?.parse::<IpNet>(),
        );
        Ok(Value::Bool(
            matches!((ip, range), (Some(ip), Ok(range)) if range.contains(&ip)),
        ))
    }),
    function("IsIP", &[Want::Text], Want::Bool, |args, _| {
        Ok(Value::Bool(address::read(text_arg(args, 0)?).is_some()))
    }),
    function("IsIPV4", &[Want::Text], Want::Bool, |args, _| {
        Ok(Value::Bool(
            address::read(text_arg(args, 0)?).is_some_and(|ip| ip.is_ipv4()),
        ))
    }),
    function("IsIPV6", &[Want::Text], Want::Bool, |args, _| {
        Ok(Value::Bool(
            address::read(text_arg(args, 0)?).is_some_and(|ip| ip.is_ipv6()),
        ))
    }),
    function("IpToRange", &[Want::Text, Want::Text], Want::Text, |args, _| {
        let ip = text_arg(args, 0)?.parse::<IpAddr>();
        let length = text_arg(args, 1)?;
        let length = length.strip_prefix('/').unwrap_or(length).parse::<u8>();
        let range = match (ip, length) {
            (Ok(ip), Ok(length)) => IpNet::new(ip, length).ok(),
            _ => None,
        };
        Ok(Value::Text(Cow::Owned(
            range.map_or_else(String::new, |range| range.trunc().to_string()),
        )))
    }),
];
