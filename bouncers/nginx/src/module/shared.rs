//! What all workers of one nginx share, and a reload keeps: counts of what became of requests, and the secret that
//! challenges are made with. Numbers that are only ever added to; nothing locks.

use std::ffi::c_void;
use std::io::Read as _;
use std::ptr::{NonNull, addr_of_mut};
use std::sync::atomic::{AtomicU64, Ordering};

use ngx::core::Status;
use ngx::ffi::{
    ngx_conf_t, ngx_int_t, ngx_pagesize, ngx_shared_memory_add, ngx_shm_zone_t, ngx_slab_calloc,
    ngx_slab_pool_t, ngx_str_t,
};

use vigie_bouncer_origin::Origin;

use super::guarded;
use crate::challenge::Secret;

/// In memory that nginx zeroes. Whoever changes this also changes [`NAME`]: a reload may bring another module, at another
/// path.
#[repr(C)]
pub(super) struct Shared {
    secret: Secret,
    counts: [[AtomicU64; Outcome::ALL.len()]; Origin::ALL.len()],
}

/// What became of a request whose client the table names. Clients that it does not name are counted by nobody: they
/// should cost nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Banned, refused.
    Refused,
    /// Challenged, sent the page or refused.
    Asked,
    /// Challenged, with the work done.
    Worked,
    /// Throttled: nginx's own limit counts what it refuses before.
    Throttled,
    /// On the daemon's allowlist.
    Allowed,
    /// Refused because there is no table and the configuration says `closed`.
    Blind,
}

/// Where those are counted that nobody decided on.
pub(super) const NOBODY: Origin = Origin::Other;

const NAME: &str = "vigie 2";
/// The least that nginx divides up, and far more than we need.
const PAGES: usize = 8;

// === impl Outcome ===

impl Outcome {
    pub(super) const ALL: [Self; 6] = [
        Self::Refused,
        Self::Asked,
        Self::Worked,
        Self::Throttled,
        Self::Allowed,
        Self::Blind,
    ];

    /// For metrics: the table's word, and what became of the request.
    pub(super) const fn labels(self) -> (&'static str, &'static str) {
        match self {
            Self::Refused => ("ban", "refused"),
            Self::Asked => ("challenge", "asked"),
            Self::Worked => ("challenge", "admitted"),
            Self::Throttled => ("throttle", "admitted"),
            Self::Allowed => ("pass", "admitted"),
            Self::Blind => ("none", "refused"),
        }
    }

    /// Whether somebody's decision led to it.
    pub(super) const fn is_decided(self) -> bool {
        !matches!(self, Self::Allowed | Self::Blind)
    }
}

// === impl Shared ===

impl Shared {
    /// Asks nginx for the memory. It is there once the configuration is complete.
    pub(super) fn zone(cf: *mut ngx_conf_t, module: *mut c_void) -> Option<NonNull<ngx_shm_zone_t>> {
        let mut name = ngx_str_t {
            len: NAME.len(),
            data: NAME.as_ptr().cast_mut(),
        };
        // SAFETY: nginx hands us its own configuration, keeps the name, which is never freed, and owns the zone that it
        // returns. It knew the size of a page before it read its configuration.
        let zone = unsafe { ngx_shared_memory_add(cf, addr_of_mut!(name), PAGES * ngx_pagesize, module) };
        let mut zone = NonNull::new(zone)?;
        // SAFETY: as above.
        unsafe { zone.as_mut().init = Some(Self::prepare) };
        Some(zone)
    }

    /// Called by nginx once it has the memory; `before` is ours from before a reload.
    #[expect(
        clippy::cast_ptr_alignment,
        reason = "nginx has put its pool at the beginning of these pages"
    )]
    unsafe extern "C" fn prepare(zone: *mut ngx_shm_zone_t, before: *mut c_void) -> ngx_int_t {
        guarded(Status::NGX_ERROR.into(), || {
            // SAFETY: nginx hands us the zone, whose memory it has made into a pool of slabs.
            let Some(zone) = (unsafe { zone.as_mut() }) else {
                return Status::NGX_ERROR.into();
            };
            if !before.is_null() {
                zone.data = before;
                return Status::NGX_OK.into();
            }
            let pool = zone.shm.addr.cast::<ngx_slab_pool_t>();
            // SAFETY: as above; the pool returns zeroed memory, aligned for all that is smaller than a page.
            let shared = unsafe { ngx_slab_calloc(pool, size_of::<Self>()).cast::<Self>().as_mut() };
            let Some((shared, secret)) = shared.zip(draw().ok()) else {
                return Status::NGX_ERROR.into();
            };
            shared.secret = Secret::new(secret);
            zone.data = std::ptr::from_mut(shared).cast();
            Status::NGX_OK.into()
        })
    }

    pub(super) const fn secret(&self) -> &Secret {
        &self.secret
    }

    pub(super) fn count(&self, outcome: Outcome, origin: Origin) {
        if let Some(count) = self.place(outcome, origin) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn counted(&self, outcome: Outcome, origin: Origin) -> u64 {
        let count = self.place(outcome, origin);
        count.map_or(0, |count| count.load(Ordering::Relaxed))
    }

    fn place(&self, outcome: Outcome, origin: Origin) -> Option<&AtomicU64> {
        let origin = if outcome.is_decided() { origin } else { NOBODY };
        self.counts.get(origin as usize)?.get(outcome as usize)
    }
}

fn draw() -> std::io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}
