//! The open loop: one dispatcher a thread hands arrivals to free sessions, or lets them wait.

use super::lane::out_of_time;
use super::pacer::Pacer;
use super::part::{Job, LOOK, Part};
use crate::base::clock::Nanos;
use crate::generate::Schedule;
use crate::model::workload::Arrivals;

/// Arrivals closer together than this are handed out at one waking, in ns. A waking costs some 25 µs of CPU on a virtual machine, so at
/// 50,000/s this saves most of a core and costs some 70 µs of lag.
const COALESCE: Nanos = 100_000;
/// Arrivals handed out before other tasks get their turn.
const BATCH: u32 = 4_096;

/// Hands out all arrivals up to the end of the measured part.
pub(super) async fn dispatch(part: &Part, pacer: &Pacer, rate_per_s: f64, arrivals: Arrivals, shift: f64) {
    let control = &part.plan.control;
    let seed = part.plan.seed.derive("schedule").index(u64::from(part.plan.worker));
    let mut schedule = Schedule::new(arrivals, rate_per_s, part.clock.now(), shift, seed);
    loop {
        let now = part.clock.now();
        let (from, to) = control.measured();
        let mut handed = 0;
        while schedule.next_at() <= now && schedule.next_at() < to && handed < BATCH {
            arrive(part, schedule.next_at(), now, from);
            schedule.advance();
            handed += 1;
        }
        if control.is_stopped() || schedule.next_at() >= to && now >= to {
            break;
        }
        if handed == BATCH {
            tokio::task::yield_now().await;
            continue;
        }
        let next = schedule.next_at().min(to).max(now + COALESCE).min(now + LOOK);
        pacer.wait(next.saturating_sub(part.clock.now())).await;
    }
    part.close();
}

fn arrive(part: &Part, intended: Nanos, now: Nanos, from: Nanos) {
    let measured = intended >= from;
    if measured {
        part.offered.set(part.offered.get() + 1);
    }
    if let Some(index) = part.idle.borrow_mut().pop_front() {
        part.slots[index].job.set(Some(Job { intended, direct: true }));
        part.slots[index].wake();
        return;
    }
    let mut queue = part.queue.borrow_mut();
    if queue.len() < part.plan.queue {
        queue.push_back(intended);
        drop(queue);
        if measured {
            part.recorded(from, |recorder| recorder.record_lag(now - intended));
        }
    }
}

/// Ends waiting operations whose deadline has passed. Returns when the next one's does; `Nanos::MAX` if none waits.
pub(super) fn expire_waiting(part: &Part, now: Nanos) -> Nanos {
    let mut buffer = Vec::new();
    loop {
        let Some(intended) = part.queue.borrow().front().copied() else { return Nanos::MAX };
        let due = intended.saturating_add(part.deadline);
        if due > now {
            return due;
        }
        part.queue.borrow_mut().pop_front();
        let draw = part.source.borrow_mut().next(&mut buffer);
        out_of_time(part, &draw, intended, now);
    }
}
