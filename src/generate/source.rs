//! The stream of operations of one worker.

use super::keys::{Acknowledged, KeyChooser};
use crate::base::seed::{Rng, Seed, below, unit};
use crate::model::data::fill_value;
use crate::model::op::OpKind;
use crate::model::workload::{Distribution, ValueSize, Workload};

/// An operation without its value, which lies in the buffer that was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// What to do.
    pub kind: OpKind,
    /// Which row.
    pub key: u64,
    /// Version to write: unique in a client, and rising within a worker. 0 for operations that do not write.
    pub version: u64,
    /// Rows that a scan may return; 1 for everything else.
    pub limit: u32,
}

/// What a worker's stream is made from.
#[derive(Debug, Clone, Copy)]
pub struct SourceSetup<'a> {
    /// The workload.
    pub workload: &'a Workload,
    /// Seed of the trial; each worker derives its own.
    pub seed: Seed,
    /// Number of this worker, from 0; below 2,048.
    pub worker: u32,
    /// Workers of the trial.
    pub workers: u32,
    /// Number of the trial among those of the same sessions; makes versions rise from one trial to the next. Below 65,536.
    pub epoch: u32,
    /// First key that no row has had yet.
    pub first_insert_key: u64,
}

/// Why a workload gives no operations.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// No kind has a weight above 0.
    #[error("the mix is empty: give at least one operation a weight above 0")]
    EmptyMix,
    /// A version has room for so many workers and trials only.
    #[error("worker {worker} or trial {epoch} is too many: 2,048 client threads and 65,536 trials of the same sessions are supported")]
    TooMany {
        /// Number of the worker.
        worker: u32,
        /// Number of the trial.
        epoch: u32,
    },
}

/// Draws the operations of one worker. The same setup gives the same operations, as long as inserts are acknowledged alike.
#[derive(Debug, Clone)]
pub struct OpSource {
    /// Kinds with the upper end of their share of 0–1.
    mix: Vec<(OpKind, f64)>,
    keys: KeyChooser,
    count: u64,
    value: ValueSize,
    scan_limit: u64,
    acknowledged: Acknowledged,
    /// Whether anything ever asks for acknowledged keys.
    keep_acknowledged: bool,
    worker: u64,
    workers: u64,
    first_insert_key: u64,
    inserts: u64,
    deletes: u64,
    version: u64,
    mix_rng: Rng,
    key_rng: Rng,
    value_rng: Rng,
}

impl OpSource {
    /// The stream of one worker.
    ///
    /// # Errors
    /// When the mix is empty, or the worker or trial has no room in a version.
    pub fn new(setup: &SourceSetup<'_>) -> Result<Self, SourceError> {
        let SourceSetup { workload, seed, worker, workers, epoch, first_insert_key } = *setup;
        if worker >= 1 << 11 || epoch >= 1 << 16 {
            return Err(SourceError::TooMany { worker, epoch });
        }
        let weights = workload.mix.iter().filter(|(_, weight)| *weight > 0.0);
        let total: f64 = weights.clone().map(|(_, weight)| weight).sum();
        let mut upper = 0.0;
        let mut mix: Vec<(OpKind, f64)> = weights
            .map(|(kind, weight)| {
                upper += weight / total;
                (*kind, upper)
            })
            .collect();
        // Rounding must not leave a gap below 1.
        mix.last_mut().ok_or(SourceError::EmptyMix)?.1 = 1.0;
        let seed = seed.derive("operations").index(u64::from(worker));
        let latest = matches!(workload.keys.distribution, Distribution::Latest { .. });
        Ok(Self {
            mix,
            keys: KeyChooser::new(&workload.keys, worker, workers),
            count: workload.keys.count.max(1),
            value: workload.value,
            scan_limit: u64::from(workload.scan_limit.max(1)),
            acknowledged: Acknowledged::default(),
            keep_acknowledged: latest || workload.has(OpKind::Delete),
            worker: u64::from(worker),
            workers: u64::from(workers.max(1)),
            first_insert_key,
            inserts: 0,
            deletes: 0,
            version: (u64::from(worker) << 52) | (u64::from(epoch) << 36),
            mix_rng: seed.derive("mix").rng(),
            key_rng: seed.derive("keys").rng(),
            value_rng: seed.derive("values").rng(),
        })
    }

    /// The next operation; `buffer` then holds its value, or nothing.
    #[inline]
    pub fn next(&mut self, buffer: &mut Vec<u8>) -> Draw {
        let kind = self.kind();
        let key = match kind {
            OpKind::Insert => self.new_key(),
            OpKind::Delete => self.key_to_delete(),
            _ => self.keys.draw(&mut self.key_rng, &self.acknowledged),
        };
        let limit = if kind == OpKind::Scan { 1 + below(&mut self.key_rng, self.scan_limit) as u32 } else { 1 };
        let mut version = 0;
        if kind.writes_value() {
            self.version += 1;
            version = self.version;
            let size = match self.value {
                ValueSize::Fixed(_) => self.value.of_units(0.0, 0.0),
                _ => self.value.of_units(unit(&mut self.value_rng), unit(&mut self.value_rng)),
            };
            buffer.resize(size as usize, 0);
            fill_value(key, version, buffer);
        } else {
            buffer.clear();
        }
        Draw { kind, key, version, limit }
    }

    /// Takes note that the insert of `key` succeeded: from now on this worker may read and delete it. Others do not know of it, so workers
    /// need not wait for each other.
    #[inline]
    pub fn acknowledge(&mut self, key: u64) {
        if self.keep_acknowledged {
            self.acknowledged.push(key);
        }
    }

    /// New keys handed out so far. Those of all workers interleave: this worker's `n`-th is `first_insert_key + worker + n · workers`.
    pub fn inserts(&self) -> u64 {
        self.inserts
    }

    #[inline]
    fn kind(&mut self) -> OpKind {
        if let [(kind, _)] = self.mix[..] {
            return kind;
        }
        let drawn = unit(&mut self.mix_rng);
        self.mix.iter().find(|(_, upper)| drawn < *upper).map_or(self.mix[0].0, |(kind, _)| *kind)
    }

    fn new_key(&mut self) -> u64 {
        let key = self.first_insert_key + self.worker + self.inserts * self.workers;
        self.inserts += 1;
        key
    }

    /// The oldest row that this trial inserted; without one, the loaded rows in turn, each once until they are used up.
    fn key_to_delete(&mut self) -> u64 {
        self.acknowledged.take_oldest().unwrap_or_else(|| {
            let key = (self.worker + self.deletes * self.workers) % self.count;
            self.deletes += 1;
            key
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::model::data::{Schema, is_intact, version_of};
    use crate::model::workload::{Keys, Load, Warmup};

    fn workload(mix: &[(OpKind, f64)]) -> Workload {
        Workload {
            mix: mix.to_vec(),
            keys: Keys { count: 1_000, distribution: Distribution::Latest { theta: 0.99 } },
            value: ValueSize::Uniform { min: 50, max: 150 },
            schema: Schema::default(),
            load: Load::Closed { sessions: 1 },
            scan_limit: 10,
            warmup: Warmup::UntilSteady,
            duration: None,
            deadline: Duration::from_secs(1),
        }
    }

    fn source(workload: &Workload, seed: u64, worker: u32, epoch: u32) -> OpSource {
        OpSource::new(&SourceSetup { workload, seed: Seed(seed), worker, workers: 2, epoch, first_insert_key: 1_000 }).unwrap()
    }

    fn take(source: &mut OpSource, count: usize) -> Vec<(Draw, Vec<u8>)> {
        (0..count)
            .map(|_| {
                let mut value = Vec::new();
                (source.next(&mut value), value)
            })
            .collect()
    }

    const MIX: [(OpKind, f64); 4] = [(OpKind::Read, 5.0), (OpKind::Update, 3.0), (OpKind::Insert, 1.0), (OpKind::Scan, 1.0)];

    #[test]
    fn the_mix_has_its_weights() {
        let mut counts = BTreeMap::new();
        for (draw, _) in take(&mut source(&workload(&MIX), 1, 0, 0), 100_000) {
            *counts.entry(draw.kind).or_insert(0.0) += 1.0;
        }
        for (kind, weight) in MIX {
            let expected = weight * 10_000.0;
            assert!((counts[&kind] - expected).abs() < 5.0 * f64::sqrt(expected), "{kind}: {}", counts[&kind]);
        }
        assert!(
            OpSource::new(&SourceSetup {
                workload: &workload(&[(OpKind::Read, 0.0)]),
                seed: Seed(1),
                worker: 0,
                workers: 1,
                epoch: 0,
                first_insert_key: 0
            })
            .is_err()
        );
    }

    #[test]
    fn versions_are_unique_and_rise_and_new_keys_do_not_meet() {
        let workload = workload(&MIX);
        let mut versions = BTreeSet::new();
        let mut keys = BTreeSet::new();
        for worker in 0..2 {
            let mut last = 0;
            for epoch in 0..2 {
                for (draw, _) in take(&mut source(&workload, 1, worker, epoch), 2_000) {
                    if draw.kind.writes_value() {
                        assert!(draw.version > last && versions.insert(draw.version));
                        last = draw.version;
                    }
                    if draw.kind == OpKind::Insert && epoch == 0 {
                        assert!(keys.insert(draw.key) && draw.key >= 1_000);
                    }
                }
            }
        }
    }

    #[test]
    fn a_delete_takes_an_acknowledged_insert_first_and_never_the_same_row_twice() {
        let mut source = source(&workload(&[(OpKind::Delete, 1.0)]), 1, 1, 0);
        source.acknowledge(1_001);
        let keys: Vec<u64> = take(&mut source, 4).into_iter().map(|(draw, _)| draw.key).collect();
        assert_eq!(keys, [1_001, 1, 3, 5]);
    }

    proptest! {
        #[test]
        fn the_same_seed_gives_the_same_operations_and_values_that_check(seed: u64, worker in 0_u32..2) {
            let workload = workload(&MIX);
            let first = take(&mut source(&workload, seed, worker, 0), 200);
            prop_assert_eq!(&first, &take(&mut source(&workload, seed, worker, 0), 200));
            prop_assert_ne!(&first, &take(&mut source(&workload, seed ^ 1, worker, 0), 200));
            for (draw, value) in first {
                prop_assert!((1..=10).contains(&draw.limit));
                if draw.kind.writes_value() {
                    prop_assert!((50..=150).contains(&value.len()) && is_intact(draw.key, &value));
                    prop_assert_eq!(version_of(draw.key, &value), Some(draw.version));
                } else {
                    prop_assert!(value.is_empty() && draw.version == 0);
                }
                if draw.kind == OpKind::Read {
                    prop_assert!(draw.key < 1_000, "nothing was acknowledged");
                }
            }
        }
    }
}
