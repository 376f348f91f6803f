//! Places from `MaxMind` databases: the two files that the hub's rules name, where they are.
//!
//! The files are somebody else's and are not shipped. Read whole into memory, once. Deliberately absent:
//! downloading them.

use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;
use maxminddb::{Reader, geoip2};
use serde::Deserialize;

use super::{Asn, City, Places};

/// The database of countries and coordinates.
pub const CITY_FILE: &str = "GeoLite2-City.mmdb";
/// The database of networks.
pub const ASN_FILE: &str = "GeoLite2-ASN.mmdb";
/// How long a database may be; the largest of today has 70 MiB.
const MAX_BYTES: u64 = 512 * 1024 * 1024;

/// A database that is there and cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the database {file} cannot be used: {problem}")]
pub struct MmdbError {
    file: String,
    problem: String,
}

/// See the module.
pub struct Mmdb {
    city: Option<Reader<Vec<u8>>>,
    asn: Option<Reader<Vec<u8>>>,
}

/// What is read of a city's record. Its other members may be of any type: not everybody writes them as `MaxMind` does.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Place<'r> {
    #[serde(borrow)]
    country: Country<'r>,
    #[serde(borrow)]
    registered_country: Country<'r>,
    #[serde(borrow)]
    represented_country: Country<'r>,
    #[serde(borrow)]
    city: Named<'r>,
    #[serde(borrow)]
    continent: Continent<'r>,
    #[serde(borrow)]
    location: Location<'r>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Country<'r> {
    iso_code: Option<&'r str>,
    is_in_european_union: Option<bool>,
    #[serde(borrow)]
    names: Names<'r>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named<'r> {
    #[serde(borrow)]
    names: Names<'r>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Names<'r> {
    en: Option<&'r str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Continent<'r> {
    code: Option<&'r str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Location<'r> {
    latitude: Option<f64>,
    longitude: Option<f64>,
    time_zone: Option<&'r str>,
}

// === impl Mmdb ===

impl Mmdb {
    /// Opens those of the two databases that a directory has; `None` if it has neither.
    pub fn open(dir: &Path) -> Result<Option<Self>, MmdbError> {
        let (city, asn) = (open(&dir.join(CITY_FILE))?, open(&dir.join(ASN_FILE))?);
        Ok((city.is_some() || asn.is_some()).then_some(Self { city, asn }))
    }
}

impl fmt::Debug for Mmdb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mmdb")
            .field("city", &self.city.is_some())
            .field("asn", &self.asn.is_some())
            .finish()
    }
}

fn open(path: &Path) -> Result<Option<Reader<Vec<u8>>>, MmdbError> {
    let error = |problem: String| MmdbError {
        file: path.display().to_string(),
        problem,
    };
    let Ok(meta) = fs::metadata(path) else {
        return Ok(None);
    };
    if meta.len() > MAX_BYTES {
        return Err(error(format!("it is longer than {MAX_BYTES} bytes")));
    }
    let bytes = fs::read(path).map_err(|problem| error(problem.to_string()))?;
    let reader = Reader::from_source(bytes).map_err(|problem| error(problem.to_string()))?;
    Ok(Some(reader))
}

impl Places for Mmdb {
    /// An address that the database does not know has an empty place, as in the original.
    fn city(&self, ip: IpAddr) -> Option<City> {
        let found = self.city.as_ref()?.lookup(ip).ok()?;
        let Some(record) = found.decode::<Place<'_>>().ok()? else {
            return Some(City::default());
        };
        let text = |text: Option<&str>| text.unwrap_or("").to_owned();
        let (represented, registered) = (&record.represented_country, &record.registered_country);
        let countries = [
            (record.country.iso_code, record.country.is_in_european_union),
            (registered.iso_code, registered.is_in_european_union),
            (represented.iso_code, represented.is_in_european_union),
        ];
        let country = countries
            .into_iter()
            .find(|(code, _)| code.is_some_and(|code| !code.is_empty()));
        let (code, in_eu) = country.unwrap_or_default();
        Some(City {
            country: text(code),
            in_eu: in_eu.unwrap_or(false),
            country_name: text(record.country.names.en),
            city_name: text(record.city.names.en),
            continent: text(record.continent.code),
            latitude: record.location.latitude.unwrap_or(0.0),
            longitude: record.location.longitude.unwrap_or(0.0),
            time_zone: text(record.location.time_zone),
        })
    }

    fn asn(&self, ip: IpAddr) -> Option<Asn> {
        let found = self.asn.as_ref()?.lookup(ip).ok()?;
        let Some(record) = found.decode::<geoip2::Asn<'_>>().ok()? else {
            return Some(Asn::default());
        };
        Some(Asn {
            number: record.autonomous_system_number.unwrap_or(0),
            organization: record.autonomous_system_organization.unwrap_or("").to_owned(),
        })
    }

    fn range(&self, ip: IpAddr) -> Option<IpNet> {
        let found = self.asn.as_ref()?.lookup(ip).ok()?;
        if !found.has_data() {
            return None;
        }
        let network = found.network().ok()?;
        IpNet::new(network.network(), network.prefix())
            .ok()
            .map(|net| net.trunc())
    }
}
