//! `null`: answers at once. What a trial on it costs is the harness's own floor.

use super::{About, Driver, LocalBoxFuture, Session, Store, StoreError};
use crate::model::data::{DataSet, fill_value};
use crate::model::op::{Op, OpKind, Outcome};
use crate::model::target::{Capability, StoreConfig};

/// The driver.
pub static DRIVER: Driver = Driver {
    capability: Capability {
        name: "null",
        title: "null (the harness alone)",
        operations: &OpKind::ALL,
        settings: &[],
        products: &[],
        attributes: u8::MAX,
        indexes: true,
    },
    open: |_: &StoreConfig| Box::pin(async { Ok(Box::new(Null) as Box<dyn Store>) }),
};

struct Null;

impl Store for Null {
    fn about(&self) -> LocalBoxFuture<'_, Result<About, StoreError>> {
        let about = About { product: "null".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned(), ..About::default() };
        Box::pin(async { Ok(about) })
    }

    fn session(&self) -> LocalBoxFuture<'_, Result<Box<dyn Session>, StoreError>> {
        Box::pin(async { Ok(Box::new(NullSession) as Box<dyn Session>) })
    }

    fn create<'a>(&'a self, _: &'a DataSet) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn load<'a>(
        &'a self,
        _: &'a DataSet,
        keys: std::ops::Range<u64>,
        progress: &'a dyn Fn(u64),
    ) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            progress(keys.end - keys.start);
            Ok(())
        })
    }

    fn settle<'a>(&'a self, _: &'a DataSet) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn count<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async { Ok(data.rows) })
    }

    fn value<'a>(&'a self, data: &'a DataSet, key: u64) -> LocalBoxFuture<'a, Result<Option<Vec<u8>>, StoreError>> {
        Box::pin(async move {
            let mut value = vec![0; data.value.of_key(key) as usize];
            fill_value(key, 0, &mut value);
            Ok(Some(value))
        })
    }

    fn disk_bytes<'a>(&'a self, _: &'a DataSet) -> LocalBoxFuture<'a, Result<Option<u64>, StoreError>> {
        Box::pin(async { Ok(Some(0)) })
    }

    fn discard<'a>(&'a self, _: &'a DataSet) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn close(&self) -> LocalBoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

struct NullSession;

impl Session for NullSession {
    fn execute<'a>(&'a mut self, _: &'a Op<'a>) -> LocalBoxFuture<'a, Outcome> {
        Box::pin(async { Outcome::Ok })
    }
}
