//! Exports to an object store, against a real server: PROBITY_S3_URL names a bucket of it (`s3://bucket`) and AWS_ENDPOINT_URL,
//! AWS_ALLOW_HTTP, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY the rest. Built with the feature `cloud`.

use std::env;
use std::fs;
use std::io;
use std::io::Write as _;
use std::process;

use futures_util::TryStreamExt as _;
use object_store::ObjectMeta;
use object_store::ObjectStore;
use object_store::ObjectStoreExt as _;
use object_store::path::Path as Place;
use url::Url;

use crate::export::check;
use crate::export::files;
use crate::export::log::Log;
use crate::export::run;

/// A place of this run in the bucket; `None` where there is no server, and that was said.
#[expect(clippy::explicit_write, reason = "what the macros print is captured")]
fn place() -> Option<String> {
    let url = env::var("PROBITY_S3_URL").ok().filter(|url| !url.is_empty());
    let missing = match (&url, cfg!(feature = "cloud")) {
        (Some(url), true) => return Some(format!("{}/run-{}", url.trim_end_matches('/'), process::id())),
        (Some(_), false) => "PROBITY_S3_URL is set, and this was built without the feature cloud",
        (None, _) => "PROBITY_S3_URL names no bucket",
    };
    writeln!(io::stderr(), "\n!! SKIPPED: an export to an object store: {missing}").unwrap();
    None
}

struct Bucket {
    store: Box<dyn ObjectStore>,
    root: Place,
}

impl Bucket {
    fn open(url: &str) -> Self {
        let settings = env::vars().filter(|(key, _)| key.starts_with("AWS_"));
        let settings = settings.map(|(key, value)| (key.to_ascii_lowercase(), value));
        let (store, root) = object_store::parse_url_opts(&Url::parse(url).unwrap(), settings).unwrap();
        Self { store, root }
    }

    async fn list(&self) -> Vec<ObjectMeta> {
        self.store.list(Some(&self.root)).try_collect().await.unwrap()
    }

    fn manifest(&self) -> Place {
        self.root.clone().join("manifest.json")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_in_an_object_store_is_whole_when_its_manifest_is_there() {
    let Some(url) = place() else { return };
    let log = Log::with_a_story().await;
    let bucket = Bucket::open(&url);
    let export = format!("export --data {{data}} --to {url} --entries");
    check(&log, &export, 0);
    let found = bucket.list().await;
    let last = found.iter().map(|one| one.last_modified).max().unwrap();
    let manifest = found.iter().find(|one| one.location == bucket.manifest()).unwrap();
    assert_eq!(manifest.last_modified, last, "nothing was put after the manifest");
    // What lies there is what a folder would hold, byte for byte, and verifies.
    let got = log.path("got");
    fs::create_dir(&got).unwrap();
    for one in &found {
        let bytes = bucket.store.get(&one.location).await.unwrap().bytes().await.unwrap();
        fs::write(got.join(one.location.filename().unwrap()), bytes).unwrap();
    }
    check(&log, "verify --export {}/got", 0);
    check(&log, "export --data {data} --to {}/folder --entries", 0);
    assert_eq!(files(&got), files(&log.path("folder")));
    // One that is there is replaced only by whom means it; what an interrupted one left is not there.
    let said = check(&log, &export, 2);
    assert!(said.contains("is there already"), "{said}");
    check(&log, &format!("{export} --replace"), 0);
    let left = bucket.root.clone().join("left-over.csv");
    bucket.store.put(&left, "left over".into()).await.unwrap();
    bucket.store.delete(&bucket.manifest()).await.unwrap();
    check(&log, &export, 0);
    assert!(bucket.list().await.iter().all(|one| one.location != left));
    let elsewhere = run(&log, "export --data {data} --to s3://no-such-bucket-of-ours/x");
    assert_eq!(elsewhere.status, Some(2), "{}", elsewhere.err);
    for one in bucket.list().await {
        bucket.store.delete(&one.location).await.unwrap();
    }
}
