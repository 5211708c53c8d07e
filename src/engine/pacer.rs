//! Waiting for the next arrival of an open loop.

use std::time::Duration;

use crate::base::clock::Nanos;

/// Wakes the dispatcher of one thread.
pub(super) enum Pacer {
    /// A timer of the kernel, some 50 µs late. tokio's own timer counts in milliseconds, which is too coarse for an intended start.
    #[cfg(target_os = "linux")]
    TimerFd(tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>),
    /// tokio's timer: where there is no timerfd, and for tests with a paused clock.
    #[cfg(any(test, not(target_os = "linux")))]
    Tokio,
}

impl Pacer {
    /// The best pacer of this system; to be called on the runtime that will wait.
    ///
    /// # Errors
    /// When the kernel refuses a timer.
    #[cfg(target_os = "linux")]
    pub(super) fn new() -> std::io::Result<Self> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        let fd = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        // SAFETY: the `OwnedFd` is moved into the `AsyncFd` and never taken out, so its descriptor stays open and the same.
        #[expect(unsafe_code, reason = "a descriptor that tokio watches must stay open; the safe constructor does not promise it")]
        let fd = unsafe { tokio::io::unix::AsyncFd::register_with_interest(fd, tokio::io::Interest::READABLE) }?;
        Ok(Self::TimerFd(fd))
    }

    /// The best pacer of this system.
    ///
    /// # Errors
    /// Never.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self::Tokio)
    }

    /// Its name in the record of a trial.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            #[cfg(target_os = "linux")]
            Pacer::TimerFd(_) => "timerfd",
            #[cfg(any(test, not(target_os = "linux")))]
            Pacer::Tokio => "tokio",
        }
    }

    /// Waits for `wait` ns, and a little longer. If the kernel refuses, tokio's timer steps in.
    pub(super) async fn wait(&self, wait: Nanos) {
        match self {
            #[cfg(target_os = "linux")]
            Pacer::TimerFd(fd) => {
                if wait_for(fd, wait).await.is_err() {
                    sleep(wait).await;
                }
            }
            #[cfg(any(test, not(target_os = "linux")))]
            Pacer::Tokio => sleep(wait).await,
        }
    }
}

/// Waits for `wait` ns by tokio's timer, which rounds up to a millisecond.
pub(super) async fn sleep(wait: Nanos) {
    tokio::time::sleep_until(tokio::time::Instant::now() + Duration::from_nanos(wait)).await;
}

#[cfg(target_os = "linux")]
async fn wait_for(fd: &tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>, wait: Nanos) -> std::io::Result<()> {
    use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
    let none = Timespec { tv_sec: 0, tv_nsec: 0 };
    // Zero would disarm the timer.
    let wait = wait.max(1);
    let value = Timespec { tv_sec: (wait / 1_000_000_000) as _, tv_nsec: (wait % 1_000_000_000) as _ };
    timerfd_settime(fd.get_ref(), TimerfdTimerFlags::empty(), &Itimerspec { it_interval: none, it_value: value })?;
    loop {
        let mut guard = fd.readable().await?;
        let mut expirations = [0; 8];
        match guard.try_io(|fd| Ok(rustix::io::read(fd.get_ref(), &mut expirations)?)) {
            Ok(read) => return read.map(|_| ()),
            Err(_would_block) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Clock;

    #[test]
    fn it_waits_as_long_as_asked_and_again() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let clock = Clock::real();
            for pacer in [Pacer::new().unwrap(), Pacer::Tokio] {
                for wait in [0, 300_000, 3_000_000] {
                    let start = clock.now();
                    pacer.wait(wait).await;
                    assert!(clock.now() - start >= wait, "{}: {wait}", pacer.name());
                }
            }
        });
    }
}
