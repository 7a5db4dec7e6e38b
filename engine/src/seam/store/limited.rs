//! A store whose bodies pass no faster than a limit.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::{Body, Pace, Store, with_body};

/// Passes the bodies of puts and gets at a pace; all else goes straight through.
#[derive(Debug)]
pub struct Limited {
    inner: Store,
    upload: Option<Arc<Pace>>,
    download: Option<Arc<Pace>>,
}

impl Limited {
    /// Limits `inner`. A network's store paces uploads itself, piece by piece on the wire (see
    /// `open_s3`); any other gets a body when as much time has gone as it would have taken.
    pub fn new(inner: Store, upload: Option<Arc<Pace>>, download: Option<Arc<Pace>>) -> Self {
        Self {
            inner,
            upload,
            download,
        }
    }
}

/// `body` cut into pieces, each of which waits for its tokens.
pub(super) fn paced(body: Body, pace: Arc<Pace>) -> Body {
    let pieces = stream::try_unfold((body, bytes::Bytes::new()), move |(mut body, mut left)| {
        let pace = Arc::clone(&pace);
        async move {
            while left.is_empty() {
                match body.next().await {
                    Some(bytes) => left = bytes?,
                    None => return Ok(None),
                }
            }
            let piece = left.split_to(pace.piece(left.len() as u64) as usize);
            pace.pass(piece.len() as u64).await;
            Ok(Some((piece, (body, left))))
        }
    });
    pieces.boxed()
}

impl fmt::Display for Limited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "limited {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for Limited {
    async fn put_opts(&self, at: &Path, put: PutPayload, opts: PutOptions) -> Result<PutResult> {
        if let Some(pace) = &self.upload {
            pace.pass(put.content_length() as u64).await;
        }
        self.inner.put_opts(at, put, opts).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        let got = self.inner.get_opts(at, options).await?;
        Ok(match &self.download {
            Some(pace) => with_body(got, |body| paced(body, Arc::clone(pace))),
            None => got,
        })
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, opts).await
    }

    fn delete_stream(
        &self,
        places: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(places)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
