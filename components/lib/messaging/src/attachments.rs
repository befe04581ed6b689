//! Files that are attached to messages. Their content is in `goldfish:files`.

use crate::Session;
use crate::database::{Database, Parameters, first_row, rows};
use crate::input;
use crate::types::{Error, Subject};

/// Files that are listed, and forgotten, at once.
const FILES_AT_ONCE: usize = 100;

impl<D: Database> Session<'_, D> {
    /// Whether a file is attached to a message of a channel that the user is a member of.
    pub(crate) async fn may_read_file(&self, user: &str, file: &str) -> Result<bool, Error> {
        let file = input::id(file, Error::NotFound(Subject::Message))?;
        let statement = "SELECT CAST(JSON_OF(m.key) AS TEXT) FROM attached_files f
           JOIN messages m ON m.key = f.message_key
           JOIN members me ON me.channel_id = m.channel_id AND me.user_id = $2 AND me.rank > 0
           WHERE f.file_id = $1 LIMIT 1";
        let parameters = vec![file.into(), user.into()];
        let row = first_row(self.database, statement, parameters).await?;
        Ok(row.is_some())
    }

    /// Files whose messages were deleted, the first deleted first. A file that another message has too is left out until
    /// that message is deleted as well.
    pub(crate) async fn list_detached_files(&self) -> Result<Vec<String>, Error> {
        let statement = format!(
            "SELECT CAST(JSON_OF(d.file_id) AS TEXT) FROM detached_files d
             WHERE d.key > 0 AND NOT EXISTS (SELECT 1 FROM attached_files f WHERE f.file_id = d.file_id)
             ORDER BY d.key LIMIT {FILES_AT_ONCE}"
        );
        let rows = rows(self.database, &statement, Vec::new()).await?;
        rows.into_iter().map(|mut row| Ok(row.text()?)).collect()
    }

    pub(crate) async fn forget_detached_files(&self, files: &[String]) -> Result<(), Error> {
        for files in files.chunks(FILES_AT_ONCE) {
            let mut parameters = Parameters::default();
            let names: Vec<_> = files.iter().map(|file| parameters.add(file)).collect();
            let statement = format!(
                "DELETE FROM detached_files WHERE file_id IN ({})",
                names.join(", ")
            );
            rows(self.database, &statement, parameters.0).await?;
        }
        Ok(())
    }
}
