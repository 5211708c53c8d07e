//! Compositions: stores made of stores, which look like stores themselves.

mod cache;

use crate::model::target::{CachePattern, ResolvedTarget};
use crate::store::{self, LocalBoxFuture, Store, StoreError};

/// Opens a target with all stores in it.
///
/// # Errors
/// When one of the stores cannot be opened; see [`store::open`].
pub fn open(target: &ResolvedTarget) -> LocalBoxFuture<'_, Result<Box<dyn Store>, StoreError>> {
    Box::pin(async move {
        match target {
            ResolvedTarget::Store(config) => store::open(config).await,
            ResolvedTarget::Cache { pattern: CachePattern::Aside, ttl, near, far } => {
                let (near, far) = (open(near).await?, open(far).await?);
                Ok(Box::new(cache::CacheStore::new(near, far, groups(target), *ttl)) as Box<dyn Store>)
            }
        }
    })
}

/// Number of groups of the target's rows; the store of record says.
fn groups(target: &ResolvedTarget) -> u64 {
    match target {
        ResolvedTarget::Store(config) => config.data.schema.groups,
        ResolvedTarget::Cache { far, .. } => groups(far),
    }
}
