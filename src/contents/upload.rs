//! A content that goes to its place in parts, and is taken away when that does not end well.
use estafette_actors::ports::mailbox::ContentTrouble;
use object_store::{MultipartUpload, PutPayload, UploadPart};

/// Taken away when it is dropped before [`Upload::complete`] ended well.
pub struct Upload(Option<Box<dyn MultipartUpload>>);

impl Upload {
    /// Of one that was begun.
    pub fn new(begun: Box<dyn MultipartUpload>) -> Self {
        Self(Some(begun))
    }

    /// The next part. Once its future has ended the part is there.
    pub fn put_part(&mut self, piece: Vec<u8>) -> Result<UploadPart, ContentTrouble> {
        let ended = || ContentTrouble::Store("the upload has ended".to_owned());
        Ok(self.0.as_mut().ok_or_else(ended)?.put_part(PutPayload::from(piece)))
    }

    /// All parts are there: makes one content of them.
    pub async fn complete(&mut self) -> object_store::Result<()> {
        if let Some(upload) = &mut self.0 {
            upload.complete().await?;
        }
        self.0 = None;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(mut upload) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            // A bucket that does not answer keeps the parts until its own rule takes them away.
            runtime.spawn(async move { upload.abort().await });
        }
    }
}
