//! Where nodes are, and how long a packet is under way: the distances of the Earth, at the speed of cables.
//!
//! Cities by where hosting is, roughly; the weights are an assumption. One way takes 4 ms and a millisecond for every
//! 160 km, so 4 to 129 ms: the span of the earlier measurements that the targets come from.

use crate::clock::Micros;
use crate::dice::Dice;

/// One way, whatever the distance: the last miles on both sides.
const LEAST: Micros = 4_000;
/// Light in glass makes 200 km in a millisecond; cables take detours.
const KM_PER_MILLI: f64 = 160.0;
const EARTH_KM: f64 = 6_371.0;
/// Nodes are around a city, not in it.
const SPREAD_DEGREES: f64 = 3.0;

/// Latitude, longitude, weight.
const CITIES: &[(f64, f64, f64)] = &[
    (50.1, 8.7, 14.0),   // Frankfurt
    (48.9, 2.4, 9.0),    // Paris
    (51.5, -0.1, 9.0),   // London
    (52.4, 4.9, 8.0),    // Amsterdam
    (59.3, 18.1, 4.0),   // Stockholm
    (52.2, 21.0, 4.0),   // Warsaw
    (40.4, -3.7, 3.0),   // Madrid
    (39.0, -77.5, 12.0), // Virginia
    (41.9, -87.6, 6.0),  // Chicago
    (37.4, -122.0, 8.0), // Silicon Valley
    (-23.5, -46.6, 4.0), // Sao Paulo
    (1.3, 103.8, 5.0),   // Singapore
    (35.7, 139.7, 5.0),  // Tokyo
    (19.1, 72.9, 4.0),   // Mumbai
    (-33.9, 151.2, 3.0), // Sydney
    (-26.2, 28.0, 2.0),  // Johannesburg
];

/// A place on the unit sphere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place([f64; 3]);

// === impl Place ===

impl Place {
    /// Somewhere.
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let total: f64 = CITIES.iter().map(|(.., weight)| weight).sum();
        let mut at = dice.unit() * total;
        let city = CITIES.iter().find(|(.., weight)| {
            at -= weight;
            at < 0.0
        });
        let (latitude, longitude, _) = city.copied().unwrap_or_default();
        let mut around = |degrees: f64| (degrees + (2.0 * dice.unit() - 1.0) * SPREAD_DEGREES).to_radians();
        let (latitude, longitude) = (around(latitude), around(longitude));
        let flat = libm::cos(latitude);
        Self([
            flat * libm::cos(longitude),
            flat * libm::sin(longitude),
            libm::sin(latitude),
        ])
    }

    /// One way to another place.
    pub(crate) fn latency(self, other: Self) -> Micros {
        let squares = self
            .0
            .iter()
            .zip(other.0)
            .map(|(one, other)| (one - other) * (one - other));
        let chord = libm::sqrt(squares.sum::<f64>());
        let km = 2.0 * libm::asin((chord / 2.0).min(1.0)) * EARTH_KM;
        LEAST + crate::clock::seconds(km / KM_PER_MILLI / 1_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_those_of_the_earth() {
        let pole = Place([0.0, 0.0, 1.0]);
        let equator = Place([1.0, 0.0, 0.0]);
        assert_eq!(pole.latency(pole), LEAST);
        assert_eq!(pole.latency(equator) / 1_000, 66);
        assert_eq!(equator.latency(Place([-1.0, 0.0, 0.0])) / 1_000, 129);
    }
}
