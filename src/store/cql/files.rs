//! A table's files on the nodes of this machine: flushed, at rest, weighed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use scylla::value::CqlValue;

use super::{Cql, failed, local, while_doing};
use crate::model::data::DataSet;
use crate::store::StoreError;
use crate::store::answer::wait_until;

/// Time to wait for a flush and the compactions after it.
const SETTLE_LIMIT: Duration = Duration::from_secs(300);
/// Looks with the same files that make a table quiet; 200 ms apart.
const QUIET_LOOKS: u32 = 15;
/// Interval at which a table is made to flush while it settles; long enough that an idle table stays quiet.
const FLUSH_EVERY_MS: u32 = 1_000;

impl Cql {
    /// Directories of the table, one a node; `None` if a node's data is not on this machine.
    async fn directories(&self, data: &DataSet) -> Result<Option<Vec<PathBuf>>, StoreError> {
        let what = "find the table's directory";
        let select = format!(
            "SELECT id FROM system_schema.tables WHERE keyspace_name = '{}' AND table_name = '{}'",
            self.keyspace,
            data.table.to_ascii_lowercase()
        );
        let (id,): (CqlValue,) = self.rows(what, local(&select)).await?.single_row().map_err(while_doing(what))?;
        let name = format!("{}-{}", data.table.to_ascii_lowercase(), id.as_uuid().unwrap_or_default().simple());
        let below = |data_dir: &Path| data_dir.join("data").join(&self.keyspace).join(&name);
        Ok(self.endpoints.iter().map(|endpoint| endpoint.data_dir.as_deref().map(below)).collect())
    }

    /// Makes the nodes write their memtables without an operator's tool: a table can be told to flush at an interval. Then it waits
    /// until the files stay the same, which includes compactions. Without the data directories it cannot wait, and says nothing.
    pub(super) async fn flush(&self, data: &DataSet) -> Result<(), StoreError> {
        let Some(directories) = self.directories(data).await? else { return Ok(()) };
        let table = self.table(data)?;
        let alter = |every: u32| format!("ALTER TABLE {table} WITH memtable_flush_period_in_ms = {every}");
        self.run("make the table flush", &alter(FLUSH_EVERY_MS)).await?;
        let mut last = Vec::new();
        let mut same = 0;
        let quiet = wait_until(SETTLE_LIMIT, async || {
            let mut files = Vec::new();
            directories
                .iter()
                .try_for_each(|directory| sstables(directory, &mut files))
                .map_err(while_doing("look at the table's files"))?;
            files.sort_unstable();
            same = if files == last { same + 1 } else { 0 };
            last = files;
            Ok(same >= QUIET_LOOKS)
        })
        .await;
        self.run("stop the table's flushes", &alter(0)).await?;
        if quiet? {
            return Ok(());
        }
        Err(failed(format!("the files of {table} still change after {} s: compaction does not keep up", SETTLE_LIMIT.as_secs())))
    }

    pub(super) async fn weigh(&self, data: &DataSet) -> Result<Option<u64>, StoreError> {
        let Some(directories) = self.directories(data).await? else { return Ok(None) };
        let mut files = Vec::new();
        directories.iter().try_for_each(|directory| sstables(directory, &mut files)).map_err(while_doing("weigh the table's files"))?;
        Ok(Some(files.iter().map(|(_, bytes)| bytes).sum()))
    }
}

/// Adds all files of a table and of its indexes below `directory`, with their sizes; what compaction removes meanwhile is left out.
fn sstables(directory: &Path, files: &mut Vec<(PathBuf, u64)>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let meta = match entry.metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            other => other?,
        };
        if meta.is_file() {
            files.push((entry.path(), meta.len()));
        } else if !matches!(entry.file_name().to_str(), Some("snapshots" | "backups" | "staging" | "upload")) {
            sstables(&entry.path(), files)?;
        }
    }
    Ok(())
}
