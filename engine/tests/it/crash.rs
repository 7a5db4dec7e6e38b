//! A crash before or just after every single write of a backup: the vault opens, every finished
//! point is whole, and the next backup does not pay again for what had landed.

use std::fmt;
use std::fs;
use std::path::Path as FsPath;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use engine::backup::{self, Quiet};
use engine::check;
use engine::format::point::Method;
use engine::seam::{AsItIs, Store};
use futures::TryStreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::support::{back_up, block_on, memory, new_vault, noise, open, request, restore_to};

/// A store whose machine loses power at a write: those before it were applied, all after it fail,
/// and the one itself is applied or not, but never answered.
#[derive(Debug)]
pub(crate) struct Crashing {
    inner: Store,
    writes_left: AtomicU64,
    last_is_applied: bool,
}

impl Crashing {
    pub(crate) fn at(inner: &Store, write: u64, last_is_applied: bool) -> Store {
        Arc::new(Self {
            inner: Arc::clone(inner),
            writes_left: AtomicU64::new(write),
            last_is_applied,
        })
    }

    fn lost() -> object_store::Error {
        object_store::Error::Generic {
            store: "crashing",
            source: "the machine is gone".into(),
        }
    }
}

impl fmt::Display for Crashing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "crashing {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for Crashing {
    async fn put_opts(&self, at: &Path, put: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let left = self
            .writes_left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                Some(left.saturating_sub(1))
            });
        match left {
            Ok(0) => Err(Self::lost()),
            Ok(1) if self.last_is_applied => {
                self.inner.put_opts(at, put, opts).await?;
                Err(Self::lost())
            }
            Ok(1) => Err(Self::lost()),
            _ => self.inner.put_opts(at, put, opts).await,
        }
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, opts).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(at, options).await
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

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// A vault with one point of `source`, and then the source as the next backup will find it.
async fn vault_with_a_point(source: &FsPath) -> Store {
    let store = memory();
    let vault = new_vault(&store).await;
    fs::create_dir_all(source).expect("a folder");
    for file in 0..3 {
        fs::write(source.join(format!("{file}")), noise(file, 9_000_000)).expect("a file");
    }
    back_up(&vault, source, Method::Full, 4096).await;
    for file in 1..4 {
        let content = noise(10 + file, 17_000_000);
        fs::write(source.join(format!("{file}")), content).expect("a file");
    }
    store
}

pub(crate) async fn copied(from: &Store) -> Store {
    let to = memory();
    let objects: Vec<ObjectMeta> = from.list(None).try_collect().await.expect("a list");
    for object in objects {
        let got = from.get_opts(&object.location, GetOptions::default()).await;
        let bytes = got.expect("an object").bytes().await.expect("its bytes");
        let put = to.put_opts(&object.location, bytes.into(), PutOptions::default());
        put.await.expect("a put");
    }
    to
}

pub(crate) async fn stored_bytes(store: &Store) -> u64 {
    let objects: Vec<ObjectMeta> = store.list(None).try_collect().await.expect("a list");
    objects.iter().map(|object| object.size).sum()
}

#[test]
fn a_crash_at_any_write_loses_nothing_and_is_not_paid_for_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("source");
    block_on(async {
        let first = vault_with_a_point(&source).await;
        for method in [Method::Incremental, Method::SyntheticFull] {
            let (mut write, mut finished) = (1, false);
            while !finished {
                for applied in [false, true] {
                    finished = crash(&first, &source, method, write, applied).await;
                }
                write += 1;
            }
            assert!(
                write > 5,
                "{method}: packs, index, manifest: {write} writes"
            );
        }
    });
}

/// Crashes at one write; tells whether the backup needed no more than the writes before it.
async fn crash(
    first: &Store,
    source: &FsPath,
    method: Method,
    write: u64,
    last_is_applied: bool,
) -> bool {
    let shown = format!("{method}, write {write}, applied: {last_is_applied}");
    let disk = copied(first).await;
    let before = stored_bytes(&disk).await;
    let vault = open(&Crashing::at(&disk, write, last_is_applied)).await;
    let crashed = backup::run(&vault, &request(source, method, 4096), &AsItIs, &Quiet).await;
    let landed = stored_bytes(&disk).await - before;
    let vault = open(&disk).await;
    let found = check::run(&vault, true, &Quiet).await.expect("a check");
    assert!(found.errors.is_empty(), "{shown}: {:?}", found.errors);
    // A crash after the manifest was applied has made the point, although nobody was told.
    let made = match found.points {
        1 => false,
        2 => true,
        other => panic!("{shown}: {other} points"),
    };
    if crashed.is_ok() {
        assert!(made, "{shown}: what was acknowledged is there");
        return true;
    }
    let again = back_up(&vault, source, method, 4096).await;
    let all = stored_bytes(&disk).await - before;
    // What had landed is neither sealed nor copied again, unless it is a point's already.
    let whole = 52_000_000
        + if method == Method::SyntheticFull {
            9_000_000
        } else {
            0
        };
    assert!(
        made || all < whole + whole / 20,
        "{shown}: {all} bytes, {landed} had landed"
    );
    let target = tempfile::tempdir().expect("a folder");
    let target = target.path().join("back");
    restore_to(&vault, &again.point.to_string(), &target)
        .await
        .expect("a restore");
    for file in fs::read_dir(source).expect("the source") {
        let name = file.expect("a file").file_name();
        let [left, right] = [source, &target].map(|at| fs::read(at.join(&name)).expect("a file"));
        assert!(left == right, "{shown}: {}", name.display());
    }
    false
}
