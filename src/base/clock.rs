//! The one place that reads the monotonic clock.

use std::sync::OnceLock;
use std::time::Instant;

/// Nanoseconds since an arbitrary origin, the same for the whole process.
pub type Nanos = u64;

/// Nanoseconds of one second.
pub const SECOND: Nanos = 1_000_000_000;

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn origin() -> Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    *ORIGIN.get_or_init(Instant::now)
}

/// A monotonic clock that tests can replace; copying it is free.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    read: fn() -> Nanos,
}

impl Clock {
    /// The system's monotonic clock. All real clocks of a process share one origin.
    pub fn real() -> Self {
        origin();
        Self { read: read_real }
    }

    /// A clock that asks `read`, for tests that decide what time it is.
    pub fn from_fn(read: fn() -> Nanos) -> Self {
        Self { read }
    }

    /// Nanoseconds since the clock's origin.
    #[inline]
    pub fn now(&self) -> Nanos {
        (self.read)()
    }
}

#[inline]
fn read_real() -> Nanos {
    origin().elapsed().as_nanos() as Nanos
}
