//! The table as a file: what the daemon writes and every worker reads. Pure.
//!
//! Numbers are little-endian, addresses big-endian. The reader believes nothing: length, checksum, boot, and the order
//! of every row are looked at before one client is. A machine's own format, replaced whole: other versions are
//! refused, not translated, as daemon and module are installed together.
//!
//! ```text
//! 0  magic "VIGIENGX"       16  length of the file, u64     40  rows of IPv4, u32
//! 8  version, u32           24  id of the boot, 16 bytes    44  rows of IPv6, u32
//! 12 CRC-32 of all behind   48  rows: address (4 or 16 bytes), until u32, prefix u8, remediation u8, origin u8
//! ```

use std::net::IpAddr;

use vigie_bouncer_origin::Origin;

use super::rows::{Address, Misfit, Rows};
use super::{Entry, Remediation, Table};
use crate::clock::Boot;

const MAGIC: &[u8; 8] = b"VIGIENGX";
const VERSION: u32 = 3;
const HEADER_BYTES: usize = 48;
/// Of a row behind its address.
const TAIL_BYTES: usize = 7;

/// No table is longer: about six million IPv4 addresses. Each worker holds a copy of its own.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Why bytes are not a table that may be used here and now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// Not even a header.
    #[error("it has {found} bytes, a header alone has {HEADER_BYTES}")]
    Short {
        /// Its length.
        found: usize,
    },
    /// Something else.
    #[error("it is not a table of Vigie's")]
    Magic,
    /// Of another release.
    #[error("it is of version {found}, this module reads version {VERSION}")]
    Version {
        /// Its version.
        found: u32,
    },
    /// Cut off, or with something behind it.
    #[error("it has {found} bytes and says that it has {said}")]
    Length {
        /// What the header says.
        said: u64,
        /// What it is.
        found: usize,
    },
    /// Changed since it was written.
    #[error("its checksum is wrong")]
    Checksum,
    /// From before the machine was started: its ends mean nothing any more.
    #[error("it was written before this start of the machine")]
    OtherBoot,
    /// A row that no daemon would write.
    #[error("row {row} of IPv{family} is no network")]
    Network {
        /// 4 or 6.
        family: u8,
        /// Counted from nought.
        row: usize,
    },
    /// A remediation that there is none of.
    #[error("row {row} of IPv{family} has an unknown remediation")]
    Remediation {
        /// 4 or 6.
        family: u8,
        /// Counted from nought.
        row: usize,
    },
    /// An origin that there is none of.
    #[error("row {row} of IPv{family} has an unknown origin")]
    Origin {
        /// 4 or 6.
        family: u8,
        /// Counted from nought.
        row: usize,
    },
    /// Rows out of order.
    #[error("row {row} of IPv{family} is out of order")]
    Order {
        /// 4 or 6.
        family: u8,
        /// Counted from nought.
        row: usize,
    },
}

/// More rows than a table may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rows} rows are more than a table of {limit} bytes holds")]
pub struct TooLarge {
    /// How many there were.
    pub rows: usize,
    /// The bound.
    pub limit: usize,
}

// === Writing ===

/// The file of these rows, for workers of the same boot. What a ban or a pass for the same network outlives is left out.
pub fn encode(entries: &[Entry], boot: Boot) -> Result<Vec<u8>, TooLarge> {
    encode_within(MAX_BYTES, entries, boot)
}

pub(super) fn encode_within(limit: usize, entries: &[Entry], boot: Boot) -> Result<Vec<u8>, TooLarge> {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for entry in entries {
        match entry.address.to_canonical() {
            // A prefix of IPv6's that holds more than IPv4's part of it stays what it is.
            IpAddr::V4(address) if entry.address.is_ipv4() || entry.prefix >= 96 => {
                let prefix = if entry.address.is_ipv4() {
                    entry.prefix
                } else {
                    entry.prefix - 96
                };
                v4.push(sortable(address.to_bits(), prefix, entry));
            }
            _ => {
                let IpAddr::V6(address) = entry.address else {
                    continue;
                };
                v6.push(sortable(address.to_bits(), entry.prefix, entry));
            }
        }
    }
    settle(&mut v4);
    settle(&mut v6);
    let too_large = TooLarge {
        rows: v4.len().saturating_add(v6.len()),
        limit,
    };
    let rows_bytes = v4.len() * (4 + TAIL_BYTES) + v6.len() * (16 + TAIL_BYTES);
    let length = HEADER_BYTES + rows_bytes;
    if length > limit {
        return Err(too_large);
    }
    let count = |rows: usize| u32::try_from(rows).map(u32::to_le_bytes).map_err(|_| too_large);
    let mut bytes = Vec::with_capacity(length);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend((length as u64).to_le_bytes());
    bytes.extend(boot.0);
    bytes.extend(count(v4.len())?);
    bytes.extend(count(v6.len())?);
    for row in &v4 {
        bytes.extend(row.network.to_be_bytes());
        bytes.extend(row.tail());
    }
    for row in &v6 {
        bytes.extend(row.network.to_be_bytes());
        bytes.extend(row.tail());
    }
    let checksum = crc32fast::hash(&bytes[16..]).to_le_bytes();
    bytes[12..16].copy_from_slice(&checksum);
    Ok(bytes)
}

/// A row on its way into the file.
struct Sortable<A> {
    network: A,
    prefix: u8,
    remediation: Remediation,
    until: u32,
    origin: Origin,
}

fn sortable<A: Address>(address: A, prefix: u8, entry: &Entry) -> Sortable<A> {
    let prefix = prefix.min(A::WIDTH);
    Sortable {
        network: address.network(prefix),
        prefix,
        remediation: entry.remediation,
        until: entry.until,
        origin: entry.origin,
    }
}

/// Brings rows into the order that [`Rows`] takes, without those that could never be anybody's word.
fn settle<A: Address>(rows: &mut Vec<Sortable<A>>) {
    rows.sort_unstable_by_key(|row| (row.network, row.prefix, row.remediation, row.until, row.origin));
    // From the strongest word of a network to its weakest. A challenge takes nothing from a throttle.
    rows.reverse();
    rows.dedup_by(|weaker, stronger| {
        (weaker.network, weaker.prefix) == (stronger.network, stronger.prefix)
            && weaker.until <= stronger.until
            && (weaker.remediation == stronger.remediation || stronger.remediation >= Remediation::Ban)
    });
    rows.reverse();
}

impl<A> Sortable<A> {
    fn tail(&self) -> [u8; TAIL_BYTES] {
        let [a, b, c, d] = self.until.to_le_bytes();
        [a, b, c, d, self.prefix, self.remediation as u8, self.origin as u8]
    }
}

// === Reading ===

/// The table that these bytes are, if they may be used in this boot.
pub fn decode(bytes: &[u8], boot: Boot) -> Result<Table, FormError> {
    let found = bytes.len();
    let short = FormError::Short { found };
    let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(short)?;
    if !header.starts_with(MAGIC) {
        return Err(FormError::Magic);
    }
    let version = u32_at(header, 8);
    if version != VERSION {
        return Err(FormError::Version { found: version });
    }
    let said = u64::from(u32_at(header, 16)) | u64::from(u32_at(header, 20)) << 32;
    let (v4_rows, v6_rows) = (u32_at(header, 40) as usize, u32_at(header, 44) as usize);
    let v4_bytes = v4_rows.saturating_mul(4 + TAIL_BYTES);
    let v6_bytes = v6_rows.saturating_mul(16 + TAIL_BYTES);
    let counted = HEADER_BYTES.saturating_add(v4_bytes).saturating_add(v6_bytes);
    if said != found as u64 || counted != found {
        return Err(FormError::Length { said, found });
    }
    if u32_at(header, 12) != crc32fast::hash(bytes.get(16..).unwrap_or_default()) {
        return Err(FormError::Checksum);
    }
    if header.get(24..40) != Some(boot.0.as_slice()) {
        return Err(FormError::OtherBoot);
    }
    let rows = bytes.get(HEADER_BYTES..).unwrap_or_default();
    let (v4, v6) = rows.split_at_checked(v4_bytes).ok_or(short)?;
    Ok(Table {
        v4: rows_of::<u32, 4>(v4, 4, u32::from_be_bytes)?,
        v6: rows_of::<u128, 16>(v6, 6, u128::from_be_bytes)?,
    })
}

fn u32_at(header: &[u8; HEADER_BYTES], at: usize) -> u32 {
    let bytes = header.get(at..).and_then(<[u8]>::first_chunk);
    bytes.copied().map_or(0, u32::from_le_bytes)
}

fn rows_of<A: Address, const N: usize>(
    mut bytes: &[u8],
    family: u8,
    number: fn([u8; N]) -> A,
) -> Result<Rows<A>, FormError> {
    let mut rows = Rows::with_capacity(bytes.len() / (N + TAIL_BYTES));
    while let Some((address, behind)) = bytes.split_first_chunk::<N>() {
        let Some((tail, behind)) = behind.split_first_chunk::<TAIL_BYTES>() else {
            break;
        };
        let [a, b, c, d, prefix, remediation, origin] = *tail;
        let until = u32::from_le_bytes([a, b, c, d]);
        let row = rows.len();
        let remediation = Remediation::of(remediation).ok_or(FormError::Remediation { family, row })?;
        let origin = Origin::numbered(origin).ok_or(FormError::Origin { family, row })?;
        rows.push(number(*address), prefix, (remediation, origin, until))
            .map_err(|misfit| match misfit {
                Misfit::Network => FormError::Network { family, row },
                Misfit::Order => FormError::Order { family, row },
            })?;
        bytes = behind;
    }
    Ok(rows.complete())
}
