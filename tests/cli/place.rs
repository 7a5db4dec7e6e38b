//! Places that vaults lie in as the program finds them: a folder, and containers of real servers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use futures::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::{ObjectMeta, ObjectStore};
use serde_json::Value;

use crate::servers::{ACCOUNT, ACCOUNT_KEY, KEY, REGION, Server};
use crate::support::{firedrill, text};

/// Variables of the two clouds that whoever runs the tests may have set.
const VARIABLES: [&str; 14] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ALLOW_HTTP",
    "AZURE_STORAGE_ACCOUNT",
    "AZURE_STORAGE_ACCOUNT_NAME",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_CONNECTION_STRING",
    "AZURE_STORAGE_USE_EMULATOR",
];

/// A vault's URL or path, and the variables that open it.
pub(crate) struct Place {
    pub(crate) url: String,
    variables: Vec<(&'static str, String)>,
    pub(crate) home: tempfile::TempDir,
    /// What holds the vault's objects and nothing else; a folder is looked at as it is.
    objects: Option<Box<dyn ObjectStore>>,
}

impl Place {
    pub(crate) fn new(url: &str, variables: &[(&'static str, &str)]) -> Self {
        let owned = variables
            .iter()
            .map(|&(name, value)| (name, value.to_owned()));
        Self {
            url: url.to_owned(),
            variables: owned.collect(),
            home: tempfile::tempdir().expect("a folder"),
            objects: None,
        }
    }

    /// A container of Azurite.
    pub(crate) fn azure(server: &Server) -> Self {
        block_on(server.make_container("vaults"));
        let connection = format!(
            "DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};\
             BlobEndpoint={};",
            server.account_url()
        );
        let container = MicrosoftAzureBuilder::new()
            .with_endpoint(server.account_url())
            .with_account(ACCOUNT)
            .with_access_key(ACCOUNT_KEY)
            .with_container_name("vaults")
            .with_allow_http(true);
        let variables = [("AZURE_STORAGE_CONNECTION_STRING", connection.as_str())];
        Self {
            objects: Some(Box::new(container.build().expect("a container"))),
            ..Self::new("az://vaults/some/prefix", &variables)
        }
    }

    /// A bucket of the S3 server.
    pub(crate) fn s3(server: &Server) -> Self {
        block_on(server.make_bucket("vaults"));
        let bucket = AmazonS3Builder::new()
            .with_endpoint(server.url())
            .with_access_key_id(KEY[0])
            .with_secret_access_key(KEY[1])
            .with_region(REGION)
            .with_bucket_name("vaults")
            .with_allow_http(true);
        let variables = [
            ("AWS_ACCESS_KEY_ID", KEY[0]),
            ("AWS_SECRET_ACCESS_KEY", KEY[1]),
            ("AWS_REGION", REGION),
            ("AWS_ENDPOINT_URL", &server.url()),
            ("AWS_ALLOW_HTTP", "true"),
        ];
        Self {
            objects: Some(Box::new(bucket.build().expect("a bucket"))),
            ..Self::new("s3://vaults/some/prefix", &variables)
        }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = firedrill(arguments);
        for name in VARIABLES {
            command.env_remove(name);
        }
        command.env("HOME", self.home.path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs it with other variables than those of the place; gives exit code and both outputs.
    pub(crate) fn run_with(
        &self,
        arguments: &[&str],
        change: &[(&str, &str)],
    ) -> (i32, String, String) {
        let mut command = self.command(arguments);
        command.envs(change.iter().copied());
        let ended = command.output().expect("it runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        let code = ended.status.code().expect("it exits");
        (code, text(ended.stdout), text(ended.stderr))
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let (code, out, err) = self.run_with(&[arguments, &["--json"]].concat(), &[]);
        assert_eq!(code, 0, "{arguments:?}: {err}");
        serde_json::from_str(&out).expect("one JSON document")
    }

    /// How much lies in each folder of the vault, beside what makes it a vault. On a disk every file
    /// counts, those that no list of a store shows included.
    pub(crate) fn left(&self) -> BTreeMap<String, u32> {
        let names: Vec<String> = if let Some(objects) = &self.objects {
            let listed = block_on(objects.list(None).try_collect::<Vec<ObjectMeta>>());
            let listed = listed.expect("a list").into_iter();
            let names = listed.map(|object| object.location.to_string());
            names
                .filter_map(|name| Some(name.strip_prefix("some/prefix/")?.to_owned()))
                .collect()
        } else {
            let root = Path::new(&self.url);
            let inside = |path: &Path| text(path.strip_prefix(root).expect("inside")).to_owned();
            files(root).iter().map(|path| inside(path)).collect()
        };
        let mut left: BTreeMap<String, u32> = BTreeMap::new();
        for name in names {
            let folder = name.split('/').next().unwrap_or_default();
            if folder != "vault" && folder != "keys" {
                *left.entry(folder.to_owned()).or_default() += 1;
            }
        }
        left
    }
}

/// Every file below `folder`.
pub(crate) fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(future)
}
