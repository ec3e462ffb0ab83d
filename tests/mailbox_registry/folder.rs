//! Contents as files in a folder.
use std::path::PathBuf;
use std::sync::Arc;

use estafette_actors::domain::mailbox::document::Digest;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::mailbox::{ContentTrouble, Contents, Incoming, Kept};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};

pub struct Folder(pub PathBuf);

impl Contents for Folder {
    fn take(&self, mut incoming: Incoming, most: u64) -> BoxFuture<'static, Result<Kept, ContentTrouble>> {
        let name = uuid::Uuid::new_v4().to_string();
        let path = self.0.join(&name);
        async move {
            let mut all = Vec::new();
            while let Some(piece) = incoming.next().await {
                all.extend_from_slice(&piece.map_err(|_| ContentTrouble::Broken)?);
                if all.len() as u64 > most {
                    return Err(ContentTrouble::TooLarge(most));
                }
            }
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, &all).unwrap();
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &all);
            let digest = Digest(digest.as_ref().try_into().unwrap());
            Ok(Kept { name: name.into(), size: all.len() as u64, digest })
        }
        .boxed()
    }

    fn give(
        &self,
        name: &str,
        range: Option<std::ops::Range<u64>>,
    ) -> BoxFuture<'static, Result<Incoming, ContentTrouble>> {
        let path = self.0.join(name);
        async move {
            let all = bytes::Bytes::from(std::fs::read(path).map_err(|_| ContentTrouble::Gone)?);
            let part = range.map_or(all.clone(), |range| all.slice(range.start as usize..range.end as usize));
            Ok(stream::iter([Ok(part)]).boxed())
        }
        .boxed()
    }

    fn remove(&self, names: Vec<Box<str>>) -> BoxFuture<'static, Result<(), ContentTrouble>> {
        let folder = self.0.clone();
        async move {
            for name in names {
                let _ = std::fs::remove_file(folder.join(&*name));
            }
            Ok(())
        }
        .boxed()
    }

    fn sweep(
        &self,
        _: Timestamp,
        _: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    ) -> BoxFuture<'static, Result<u64, ContentTrouble>> {
        async { Ok(0) }.boxed()
    }

    fn place(&self) -> PathBuf {
        self.0.clone()
    }
}
