//! The defaults, from the adversary model that the scorer was designed against.
//!
//! Deliberately absent: the parameters of attacks, which stand with each attack.

use super::{Acquainted, Bystanders, Delivery, Noise, Setup, Traffic, Trust};
use crate::attack::Attack;
use crate::baseline::Scorers;

impl Default for Setup {
    fn default() -> Self {
        Self {
            scorer: Scorers::Vigie,
            attack: Attack::None,
            liars: 0.0,
            orgs: 1_000,
            anchors: 12,
            anchors_stolen: 0,
            days: 90,
            strike_day: None,
            observers: 3,
            traffic: Traffic::default(),
            noise: Noise::default(),
            bystanders: Bystanders::default(),
            acquainted: Acquainted::default(),
            trust: Trust::default(),
            delivery: Delivery::default(),
        }
    }
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            attackers_per_org_day: 0.65,
            single_share: 0.58,
            breadth_exponent: 1.2,
            breadth_cap: 0.3,
            hours_to_victim: 12.0,
            detected: 0.9,
            visibility_sigma: 0.7,
            anchor_visibility: 4.0,
        }
    }
}

impl Default for Noise {
    fn default() -> Self {
        Self {
            slips_per_day: 0.033,
            slips_sigma: 0.7,
            broken_share: 0.01,
            broken_per_day: 2.0,
            hours_to_dispute: 6.0,
        }
    }
}

impl Default for Bystanders {
    fn default() -> Self {
        Self {
            count: 5_000,
            zipf: 0.9,
            infrastructure_share: 0.01,
            shared_share: 0.09,
            shared_listed: 0.5,
        }
    }
}

impl Default for Acquainted {
    fn default() -> Self {
        Self {
            floor: 0.5,
            slope: 0.25,
            ceiling: 0.97,
            remembered: 0.9,
            authenticated: 0.5,
            visits_per_day: 1.0,
        }
    }
}

impl Default for Trust {
    fn default() -> Self {
        Self {
            direct_share: 0.6,
            history: 1,
            silent_anchors: false,
            countries: 20,
            networks: 60,
        }
    }
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            seconds: 5.0,
            partitioned: 0.01,
            partition_hours: 1.0,
        }
    }
}
