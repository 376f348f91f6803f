//! Writes databases in `MaxMind`'s format, as small as a test needs: nobody's own may be shipped. Shared with the tests of
//! the bouncers.
//!
//! A tree of 32-bit records over IPv6, with IPv4 at `::/96`; sixteen empty bytes; the records; a mark; what it all is. See
//! <https://maxmind.github.io/MaxMind-DB/>. Deliberately absent: texts of more than 28 bytes, and maps of more than 28 rows.

use std::net::IpAddr;

use ipnet::IpNet;

/// What a database says of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says<'a> {
    /// Whose country: `country`, `registered_country`; and its code.
    Code(&'a str, &'a str),
    System(u32),
}

enum Tree {
    Empty,
    Record(u32),
    Fork(Box<[Tree; 2]>),
}

/// A database of these networks. What stands later counts where two overlap.
pub(crate) fn mmdb(rows: &[(&str, Says<'_>)]) -> Vec<u8> {
    let (mut tree, mut records, mut known) = (Tree::Empty, Vec::new(), Vec::new());
    for (network, says) in rows {
        let record = known.iter().find(|(other, _)| other == says).map(|(_, at)| *at);
        let record = record.unwrap_or_else(|| {
            let at = u32::try_from(records.len()).unwrap();
            records.extend(says.encoded());
            known.push((*says, at));
            at
        });
        let (bits, length) = place(network.parse().unwrap());
        tree.put(bits, length, record);
    }
    // A tree has a root even where nothing is in it.
    tree.fork();
    let mut nodes = Vec::new();
    tree.write(&mut nodes);
    let count = u32::try_from(nodes.len()).unwrap();
    let mut bytes = Vec::new();
    for pointer in nodes.iter().flatten() {
        let number = match pointer {
            Pointer::Empty => count,
            Pointer::Node(node) => *node,
            Pointer::Record(at) => count + 16 + at,
        };
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend([0; 16]);
    bytes.extend(records);
    bytes.extend(b"\xab\xcd\xefMaxMind.com");
    bytes.extend(described(count));
    bytes
}

fn place(network: IpNet) -> (u128, u8) {
    match network.addr() {
        IpAddr::V4(address) => (u128::from(address.to_bits()), network.prefix_len() + 96),
        IpAddr::V6(address) => (address.to_bits(), network.prefix_len()),
    }
}

// === impl Tree ===

#[derive(Clone, Copy)]
enum Pointer {
    Empty,
    Node(u32),
    Record(u32),
}

impl Tree {
    fn fork(&mut self) -> &mut [Self; 2] {
        if !matches!(self, Self::Fork(_)) {
            let half = |whole: &Self| match whole {
                Self::Record(at) => Self::Record(*at),
                _ => Self::Empty,
            };
            *self = Self::Fork(Box::new([half(self), half(self)]));
        }
        match self {
            Self::Fork(halves) => halves,
            _ => unreachable!(),
        }
    }

    fn put(&mut self, bits: u128, length: u8, record: u32) {
        let mut here = self;
        for depth in 0..length {
            let side = usize::from(bits >> (127 - depth) & 1 == 1);
            here = &mut here.fork()[side];
        }
        *here = Self::Record(record);
    }

    fn write(&self, nodes: &mut Vec<[Pointer; 2]>) -> Pointer {
        match self {
            Self::Empty => Pointer::Empty,
            Self::Record(at) => Pointer::Record(*at),
            Self::Fork(halves) => {
                let node = nodes.len();
                nodes.push([Pointer::Empty; 2]);
                nodes[node] = [halves[0].write(nodes), halves[1].write(nodes)];
                Pointer::Node(u32::try_from(node).unwrap())
            }
        }
    }
}

// === impl Says ===

impl Says<'_> {
    fn encoded(self) -> Vec<u8> {
        match self {
            Self::Code(whose, code) => map(&[(whose, map(&[("iso_code", text(code))]))]),
            Self::System(number) => map(&[("autonomous_system_number", number_of(6, number.into()))]),
        }
    }
}

fn described(nodes: u32) -> Vec<u8> {
    map(&[
        ("binary_format_major_version", number_of(5, 2)),
        ("binary_format_minor_version", number_of(5, 0)),
        ("build_epoch", number_of(9, 1_790_000_000)),
        ("database_type", text("Test")),
        ("description", map(&[("en", text("Of a test"))])),
        ("ip_version", number_of(5, 6)),
        ("languages", vec![0x01, 0x04, 0x42, b'e', b'n']),
        ("node_count", number_of(6, nodes.into())),
        ("record_size", number_of(5, 32)),
    ])
}

fn map(rows: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![7 << 5 | u8::try_from(rows.len()).unwrap()];
    for (name, value) in rows {
        bytes.extend(text(name));
        bytes.extend(value);
    }
    bytes
}

fn text(text: &str) -> Vec<u8> {
    assert!(text.len() < 29, "{text}");
    let mut bytes = vec![2 << 5 | u8::try_from(text.len()).unwrap()];
    bytes.extend(text.bytes());
    bytes
}

/// 5 is a number of 16 bits, 6 of 32, 9 of 64: the kinds beyond seven stand in a byte of their own.
fn number_of(kind: u8, number: u64) -> Vec<u8> {
    let digits = number.to_be_bytes();
    let zeros = usize::try_from(number.leading_zeros() / 8).unwrap();
    let digits = &digits[zeros..];
    let length = u8::try_from(digits.len()).unwrap();
    let mut bytes = if kind > 7 {
        vec![length, kind - 7]
    } else {
        vec![kind << 5 | length]
    };
    bytes.extend(digits);
    bytes
}
