//! Places of addresses from databases in `MaxMind`'s form, as another program (Python's `mmdb_writer` 0.2.7) wrote them;
//! the networks are those of documentation, the places made up.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use vigie_sensor::outside::mmdb::{ASN_FILE, CITY_FILE, Mmdb};
use vigie_sensor::outside::{Asn, City, Places};
use vigie_sensor::parse::{Parsed, Parser};
use vigie_sensor::rules::Loader;
use vigie_wire::Timestamp;

use crate::parse::line;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/places")
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn both_databases_are_read() {
    let places = Mmdb::open(&folder()).unwrap().unwrap();
    let berlin = City {
        country: "DE".to_owned(),
        in_eu: true,
        country_name: "Germany".to_owned(),
        city_name: "Berlin".to_owned(),
        continent: "EU".to_owned(),
        latitude: 52.5,
        longitude: 13.375,
        time_zone: "Europe/Berlin".to_owned(),
    };
    assert_eq!(places.city(ip("192.0.2.127")), Some(berlin));
    let brazil = places.city(ip("192.0.2.128")).unwrap();
    assert_eq!(
        (&*brazil.country, &*brazil.city_name, brazil.in_eu),
        ("BR", "", false)
    );
    assert!(brazil.latitude < -22.0 && brazil.longitude < -43.0);
    assert_eq!(places.city(ip("2001:db8:1:2::3")).unwrap().city_name, "Tokyo");
    // Where it is registered stands in for where it is.
    let registered = places.city(ip("198.51.100.9")).unwrap();
    assert_eq!((&*registered.country, registered.in_eu), ("FR", true));
    assert_eq!(places.city(ip("203.0.113.1")), Some(City::default()));

    let asn = |address: &str| places.asn(ip(address)).unwrap();
    assert_eq!(asn("192.0.2.200").number, 64_500);
    let large = Asn {
        number: 4_200_000_001,
        organization: "Zoë & Söhne".to_owned(),
    };
    assert_eq!(asn("198.51.100.63"), large);
    assert_eq!(asn("198.51.100.64"), Asn::default());
    for (address, range) in [
        ("192.0.2.200", Some("192.0.2.0/24")),
        ("198.51.100.1", Some("198.51.100.0/26")),
        ("2001:db8:ffff::1", Some("2001:db8::/32")),
        ("203.0.113.1", None),
    ] {
        let found = places.range(ip(address)).map(|range| range.to_string());
        assert_eq!(found.as_deref(), range, "{address}");
    }
}

/// The hub's enrichment, from the rule to the fields of an event.
#[test]
fn rules_find_the_places_of_their_data_directory() {
    let mut loader = Loader::new();
    loader.data_dir(&folder());
    loader.parser(
        "s00-raw",
        "a.yaml",
        "name: t/a\nfilter: 'true'\nonsuccess: next_stage\nstatics:\n  - meta: source_ip\n    expression: evt.Line.Raw\n",
    );
    let places = "\
name: t/places
filter: evt.Meta.source_ip != ''
statics:
  - method: GeoIpCity
    expression: evt.Meta.source_ip
  - method: GeoIpASN
    expression: evt.Meta.source_ip
  - method: IpToRange
    expression: evt.Meta.source_ip
  - meta: country
    expression: IPToCountry(evt.Meta.source_ip)
  - meta: city
    expression: GeoIPEnrich(evt.Meta.source_ip)?.City?.Names?.en
  - meta: asn
    expression: string(GeoIPASNEnrich(evt.Meta.source_ip)?.AutonomousSystemNumber)
";
    loader.parser("s01-parse", "b.yaml", places);
    let rules = loader.finish().unwrap();
    let mut parser = Parser::new(&rules);
    let now = Timestamp::from_secs(1_790_000_000);
    let Parsed::Event(event) = parser.parse(&line("syslog", "192.0.2.5"), now) else {
        panic!("not parsed")
    };
    let enriched = [
        "IsoCode",
        "IsInEU",
        "Latitude",
        "Longitude",
        "ASNumber",
        "ASNOrg",
        "SourceRange",
    ];
    assert_eq!(
        enriched.map(|name| event.enriched(name)),
        [
            "DE",
            "true",
            "52.500000",
            "13.375000",
            "64500",
            "Example Networks",
            "192.0.2.0/24"
        ]
    );
    assert_eq!(
        ["country", "city", "asn"].map(|name| event.meta(name)),
        ["DE", "Berlin", "64500"]
    );
}

/// Whatever is wrong with a file is an error when it is opened, or nothing is found: it never ends the sensor.
#[test]
fn damaged_databases_are_refused_or_silent() {
    let directory = tempfile::tempdir().unwrap();
    assert!(Mmdb::open(directory.path()).unwrap().is_none());
    let whole = std::fs::read(folder().join(CITY_FILE)).unwrap();
    std::fs::copy(folder().join(ASN_FILE), directory.path().join(ASN_FILE)).unwrap();
    let put = |bytes: &[u8]| std::fs::write(directory.path().join(CITY_FILE), bytes).unwrap();
    put(b"nothing of the kind");
    let error = Mmdb::open(directory.path()).unwrap_err().to_string();
    assert!(error.contains(CITY_FILE), "{error}");
    let (mut refused, mut opened) = (0, 0);
    let mut look = |bytes: &[u8]| {
        put(bytes);
        let Ok(places) = Mmdb::open(directory.path()) else {
            refused += 1;
            return;
        };
        opened += 1;
        let places = places.unwrap();
        for address in ["192.0.2.5", "192.0.2.200", "2001:db8:1::1", "203.0.113.1", "::"] {
            places.city(ip(address));
        }
        assert_eq!(places.asn(ip("192.0.2.5")).unwrap().number, 64_500);
    };
    for cut in 0..64 {
        look(&whole[..whole.len() * cut / 64]);
    }
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= [0xff, 0x01, 0x80, 0x20][at % 4];
        look(&bytes);
    }
    assert!(refused > 60 && opened > 100, "{refused} {opened}");
}
