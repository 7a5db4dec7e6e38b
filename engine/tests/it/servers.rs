//! Real servers on loopback: Azurite for Azure Blob Storage, moto for S3. The program's tests in
//! `tests/cli/` start the same ones.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use object_store::ClientOptions;
use object_store::aws::{AwsAuthorizer, AwsCredential};
use object_store::azure::{AzureAccessKey, AzureAuthorizer, AzureCredential};
use object_store::client::{
    HttpConnector, HttpRequest, HttpRequestBody, HttpResponse, ReqwestConnector,
};

/// Azurite's account, the same everywhere.
pub(crate) const ACCOUNT: &str = "devstoreaccount1";
/// And its key, which its manual gives to everyone.
pub(crate) const ACCOUNT_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
/// A key that moto takes, as it takes every other.
pub(crate) const KEY: [&str; 2] = ["test", "testsecret"];
pub(crate) const REGION: &str = "us-east-1";

/// A server, killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Held open: a server that can't speak may end.
    said: BufReader<ChildStdout>,
    /// Where it listens: `127.0.0.1:12345`.
    pub(crate) address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let killed = self.child.kill().and_then(|()| self.child.wait());
        assert!(killed.is_ok() || std::thread::panicking(), "{killed:?}");
    }
}

impl Server {
    /// Starts Azurite, if it is there: its `main.js` is what `FIREDRILL_AZURITE` names.
    pub(crate) fn azurite() -> Option<Self> {
        let script = std::env::var_os("FIREDRILL_AZURITE").map_or_else(
            || at_root("target/ci-azurite/node_modules/azurite/dist/src/blob/main.js"),
            PathBuf::from,
        );
        let how = "npm install --prefix target/ci-azurite azurite, or set FIREDRILL_AZURITE";
        if !script.exists() {
            return lacking("Azurite", how, &format!("there is no {}", script.display()));
        }
        let mut command = Command::new("node");
        command.arg(script).args(["--blobHost", "127.0.0.1"]);
        command.args(["--blobPort", "0", "--inMemoryPersistence"]);
        command.args(["--silent", "--disableTelemetry"]);
        Self::start(&mut command).map_or_else(|why| lacking("Azurite", how, &why), Some)
    }

    /// Starts moto, if it is there, by the Python that `FIREDRILL_PYTHON` names.
    pub(crate) fn moto() -> Option<Self> {
        let python = std::env::var_os("FIREDRILL_PYTHON").unwrap_or_else(|| "python3".into());
        let how = "pip install 'moto[server,s3]', or set FIREDRILL_PYTHON";
        let mut command = Command::new(python);
        command
            .arg("-B")
            .arg(at_root("engine/tests/s3/s3_server.py"));
        Self::start(&mut command).map_or_else(|why| lacking("moto, an S3 server,", how, &why), Some)
    }

    /// Starts a server on a port of the system's choice, and waits until it says which.
    fn start(command: &mut Command) -> Result<Self, String> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let spawned = command.stderr(Stdio::null()).spawn();
        let mut child = spawned.map_err(|error| error.to_string())?;
        let said = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut server = Self {
            child,
            said,
            address: String::new(),
        };
        let mut all = String::new();
        while server.address.is_empty() {
            let mut line = String::new();
            let read = server.said.read_line(&mut line);
            if read.map_err(|error| error.to_string())? == 0 {
                return Err(format!("it ended: {}", all.trim_end()));
            }
            if let Some((_, address)) = line.trim_end().split_once("http://") {
                address.clone_into(&mut server.address);
            }
            all += &line;
        }
        Ok(server)
    }

    /// The address of Azurite's account.
    pub(crate) fn account_url(&self) -> String {
        format!("http://{}/{ACCOUNT}", self.address)
    }

    /// The address of the S3 server.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes a container in Azurite.
    pub(crate) async fn make_container(&self, name: &str) {
        let url = format!("{}/{name}?restype=container", self.account_url());
        let key = AzureAccessKey::try_new(ACCOUNT_KEY).expect("a key");
        let credential = AzureCredential::AccessKey(key);
        let mut request = put(&url);
        let authorizer = AzureAuthorizer::new(&credential, ACCOUNT);
        authorizer.try_authorize(&mut request).expect("a signature");
        let answer = send(request).await;
        assert_eq!(answer.status().as_u16(), 201, "{url}");
    }

    /// Makes a bucket.
    pub(crate) async fn make_bucket(&self, name: &str) {
        let url = format!("{}/{name}", self.url());
        let credential = AwsCredential {
            key_id: KEY[0].to_owned(),
            secret_key: KEY[1].to_owned(),
            token: None,
        };
        let mut request = put(&url);
        let authorizer = AwsAuthorizer::new(&credential, "s3", REGION);
        let signed = authorizer.try_authorize(&mut request, None);
        signed.expect("a signature");
        let answer = send(request).await;
        assert_eq!(answer.status().as_u16(), 200, "{url}");
    }
}

fn at_root(path: &str) -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = if own.ends_with("engine") {
        own.join("..")
    } else {
        own.to_owned()
    };
    root.join(path)
}

/// Says what is missing. Where everything is required, a lack fails.
#[expect(clippy::print_stderr, reason = "a test that is passed over says so")]
fn lacking(what: &str, how: &str, why: &str) -> Option<Server> {
    assert!(
        std::env::var_os("FIREDRILL_REQUIRE_ALL").is_none(),
        "{what} can't run ({how}): {why}"
    );
    eprintln!("SKIPPED: {what} can't run ({how}): {why}");
    None
}

fn put(url: &str) -> HttpRequest {
    let mut request = HttpRequest::new(HttpRequestBody::empty());
    *request.method_mut() = "PUT".parse().expect("a method");
    *request.uri_mut() = url.parse().expect("a URL");
    let length = "0".parse().expect("a length");
    request.headers_mut().insert("content-length", length);
    request
}

async fn send(request: HttpRequest) -> HttpResponse {
    let options = ClientOptions::new().with_allow_http(true);
    let client = ReqwestConnector::default().connect(&options);
    let client = client.expect("a client");
    client.execute(request).await.expect("an answer")
}
