//! An upload.

use bytes::Bytes;
use file_rules::Limits;
use file_store::{Error, File, NewFile};
use rusty_s3::Method;
use rusty_s3::actions::{
    CompleteMultipartUpload, CompleteMultipartUploadResponse, CreateMultipartUpload,
};

use super::objects;
use super::transport::{send, unavailable};
use crate::parts::Part;
use crate::settings::Settings;
use crate::{keys, metadata};

/// A file that is being stored.
pub(crate) struct Writer {
    settings: &'static Settings,
    limits: Limits,
    file: NewFile,
    key: String,
    /// The bytes that have not been sent.
    part: Part,
    upload: Option<Upload>,
    size: u64,
}

/// An upload in parts.
struct Upload {
    id: String,
    /// The entity tags of the parts that were sent.
    etags: Vec<String>,
}

impl Writer {
    pub(super) fn new(settings: &'static Settings, file: NewFile, limits: Limits) -> Self {
        Self {
            key: keys::content(&file.owner, &file.id),
            settings,
            limits,
            file,
            part: Part::default(),
            upload: None,
            size: 0,
        }
    }

    async fn complete(&mut self) -> Result<File, Error> {
        if self.file.purpose.is_shared() {
            let headers = metadata::of_shared(&self.file.owner);
            let key = keys::shared(&self.file.id);
            let request = self.settings.request(Method::Put, &key, &[], headers);
            send(&request, &[]).await?.accepted()?;
        }
        if self.upload.is_some() {
            self.send_part().await?;
            self.complete_upload().await?;
        } else {
            let headers = metadata::of_content(&self.file);
            let request = self.settings.request(Method::Put, &self.key, &[], headers);
            send(&request, self.part.pieces()).await?.accepted()?;
        }
        // Other uploads may have been completed meanwhile.
        let stored = objects::list_all(self.settings, &self.file.owner).await?;
        let used = stored
            .iter()
            .map(|(_, size)| *size)
            .fold(0, u64::saturating_add);
        if used > self.limits.storage {
            return Err(Error::StorageFull(self.limits.storage));
        }
        objects::info(self.settings, &self.file.owner, &self.file.id).await
    }

    /// Sends the part as the next one of the upload, which begins if there is none.
    async fn send_part(&mut self) -> Result<(), Error> {
        if self.upload.is_none() {
            let headers = metadata::of_content(&self.file);
            let query = [("uploads", "")];
            let request = self
                .settings
                .request(Method::Post, &self.key, &query, headers);
            let text = send(&request, &[]).await?.accepted()?.text().await?;
            let created = CreateMultipartUpload::parse_response(&text)
                .map_err(|_| unavailable("begins no upload that is understood"))?;
            self.upload = Some(Upload {
                id: created.upload_id().to_owned(),
                etags: Vec::new(),
            });
        }
        let Some(upload) = &mut self.upload else {
            return Err(unavailable("begins no upload"));
        };
        let number = upload.etags.len().saturating_add(1).to_string();
        let query = [("partNumber", number.as_str()), ("uploadId", &upload.id)];
        let request = self
            .settings
            .request(Method::Put, &self.key, &query, Vec::new());
        let response = send(&request, self.part.pieces()).await?.accepted()?;
        let etag = response.header("etag");
        upload
            .etags
            .push(etag.ok_or_else(|| unavailable("sends no ETag of a part"))?);
        self.part = Part::default();
        Ok(())
    }

    async fn complete_upload(&mut self) -> Result<(), Error> {
        let Some(upload) = &self.upload else {
            return Ok(());
        };
        let body = CompleteMultipartUpload::new(
            &self.settings.bucket,
            None,
            &self.key,
            &upload.id,
            upload.etags.iter().map(String::as_str),
        )
        .body();
        let query = [("uploadId", upload.id.as_str())];
        let request = self
            .settings
            .request(Method::Post, &self.key, &query, Vec::new());
        let text = send(&request, &[Bytes::from(body)])
            .await?
            .accepted()?
            .text()
            .await?;
        // An error may come with the status 200.
        CompleteMultipartUploadResponse::parse(&text)
            .map(drop)
            .map_err(|_| unavailable("did not complete an upload"))?;
        self.upload = None;
        Ok(())
    }
}

impl file_store::Writer for Writer {
    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.size = self.size.saturating_add(length);
        let mut rest = Some(Bytes::from(bytes));
        while let Some(bytes) = rest {
            rest = self.part.add(bytes);
            if rest.is_some() {
                self.send_part().await?;
            }
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<File, Error> {
        match self.complete().await {
            Ok(file) if file.size == self.size => Ok(file),
            Ok(_) => {
                self.abort().await;
                Err(unavailable("stored an object of another length"))
            }
            Err(error) => {
                self.abort().await;
                Err(error)
            }
        }
    }

    async fn abort(self) {
        // If something fails here, a later upload or deletion of the same user does it.
        if let Some(upload) = &self.upload {
            let _ = objects::abort(self.settings, &self.key, &upload.id).await;
        }
        let objects = [self.key, keys::shared(&self.file.id)];
        let _ = objects::delete(self.settings, &objects).await;
    }
}
