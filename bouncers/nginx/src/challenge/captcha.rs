//! Captchas of other providers: where their scripts and their judges are, and the mark of a client who solved one.
//!
//! nginx shows the widget and checks the mark; the daemon asks the judge and makes the mark. Both have the secret.

use std::net::IpAddr;

use super::{Secret, cookie_name};

/// Where a browser hands in what it solved: nginx passes that on to the daemon.
pub const PATH: &str = "/.vigie/captcha";

/// Who makes captchas and judges them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// <https://developers.cloudflare.com/turnstile/>
    Turnstile,
    /// <https://docs.hcaptcha.com/>
    Hcaptcha,
    /// Google's, version 2. <https://developers.google.com/recaptcha/docs/display>
    Recaptcha,
}

/// A captcha as a page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captcha {
    /// Whose it is.
    pub provider: Provider,
    /// The site's public key.
    pub(super) site_key: String,
    /// Where the widget's script is.
    pub(super) script: String,
}

/// What the mark is for; another number where it means something else.
const PURPOSE: &str = "vigie captcha 1";
/// Longest site key and longest address of a script.
const MOST_BYTES: usize = 200;

// === impl Provider ===

impl Provider {
    const ALL: [Self; 3] = [Self::Turnstile, Self::Hcaptcha, Self::Recaptcha];

    /// The name for configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Turnstile => "turnstile",
            Self::Hcaptcha => "hcaptcha",
            Self::Recaptcha => "recaptcha",
        }
    }

    /// By its name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.name() == name)
    }

    /// Where its judge is.
    pub const fn judge(self) -> &'static str {
        match self {
            Self::Turnstile => "https://challenges.cloudflare.com/turnstile/v0/siteverify",
            Self::Hcaptcha => "https://api.hcaptcha.com/siteverify",
            Self::Recaptcha => "https://www.google.com/recaptcha/api/siteverify",
        }
    }

    /// The field of the form in which its widget puts the answer.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Turnstile => "cf-turnstile-response",
            Self::Hcaptcha => "h-captcha-response",
            Self::Recaptcha => "g-recaptcha-response",
        }
    }

    /// What marks the widget's place for its script.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Turnstile => "cf-turnstile",
            Self::Hcaptcha => "h-captcha",
            Self::Recaptcha => "g-recaptcha",
        }
    }

    const fn script(self) -> &'static str {
        match self {
            Self::Turnstile => "https://challenges.cloudflare.com/turnstile/v0/api.js",
            Self::Hcaptcha => "https://js.hcaptcha.com/1/api.js",
            Self::Recaptcha => "https://www.google.com/recaptcha/api.js",
        }
    }
}

// === impl Captcha ===

impl Captcha {
    /// With the script from its provider, or from elsewhere. `None` if key or address hold what would not be safe in a
    /// page.
    pub fn new(provider: Provider, site_key: &str, script: Option<&str>) -> Option<Self> {
        let script = script.unwrap_or(provider.script());
        let short = |text: &str| (1..=MOST_BYTES).contains(&text.len());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?&=%".contains(&byte);
        let fits =
            short(site_key) && short(script) && [site_key, script].iter().all(|text| text.bytes().all(plain));
        fits.then(|| Self {
            provider,
            site_key: site_key.to_owned(),
            script: script.to_owned(),
        })
    }
}

/// The cookie of a client who solved one in this window: `name=value`.
pub fn cookie(secret: &Secret, client: IpAddr, window: u64) -> String {
    let mark = secret.tell(PURPOSE, client, window);
    format!("{}={window}-{mark}", cookie_name(client))
}

/// Whether this is the mark of that client.
pub(super) fn is_marked(secret: &Secret, (client, window): (IpAddr, u64), proof: &str) -> bool {
    secret.has_told(proof, PURPOSE, (client, window))
}
