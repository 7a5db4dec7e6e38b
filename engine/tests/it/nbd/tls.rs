//! TLS, with the clients of the field: who has no certificate of the authority gets nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use engine::ErrorKind;
use engine::replication::nbd::{Address, Tls};
use engine::seam::{Clock, WallClock};
use futures::future::{Either, select};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::nbd::client::{Ask, READ, put_option};
use crate::nbd::served::{Served, device, has, image, named, run, try_run};
use crate::support::noise;

const MIB: u64 = 1 << 20;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let name = &mut params.distinguished_name;
    name.push(DnType::CommonName, "the authority of a test");
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(params, key).expect("a certificate")
}

/// Writes a certificate and its key as `SIDE-cert.pem` and `SIDE-key.pem`.
fn issue(folder: &Path, authority: &Authority, side: &str) {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    params.distinguished_name.push(DnType::CommonName, side);
    // QEMU wants the second one of every certificate.
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
    ];
    params.extended_key_usages = vec![match side {
        "server" => ExtendedKeyUsagePurpose::ServerAuth,
        _ => ExtendedKeyUsagePurpose::ClientAuth,
    }];
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, authority).expect("a certificate");
    let write = |what: &str, pem: String| {
        fs::write(folder.join(format!("{side}-{what}.pem")), pem).expect("it is written");
    };
    write("cert", certificate.pem());
    write("key", key.serialize_pem());
}

fn folder_of(root: &Path, name: &str, authority: &Authority, sides: &[&str]) -> PathBuf {
    let folder = root.join(name);
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join("ca-cert.pem"), authority.pem()).expect("it is written");
    for side in sides {
        issue(&folder, authority, side);
    }
    folder
}

struct Secured {
    served: Served,
    root: PathBuf,
    disk: PathBuf,
}

/// A disk that only clients of an authority get, with folders `known`, `stranger` and `anonymous`.
fn secured() -> Secured {
    let folder: TempDir = tempfile::tempdir().expect("a folder");
    let root = folder.path().to_owned();
    let (ours, theirs) = (authority(), authority());
    let server = folder_of(&root, "server", &ours, &["server"]);
    folder_of(&root, "known", &ours, &["client"]);
    folder_of(&root, "anonymous", &ours, &[]);
    let stranger = folder_of(&root, "stranger", &theirs, &["client"]);
    // It knows the server, and the server not it.
    fs::write(stranger.join("ca-cert.pem"), ours.pem()).expect("it is written");
    let disk = image(&root, "disk.img", 32 * MIB);
    let tls = Tls::from_folder(&server).expect("certificates");
    assert!(tls.verifies_clients());
    let served = Served::start(
        folder,
        vec![named("disk", device(&disk, false))],
        true,
        Some(tls),
    );
    Secured { served, root, disk }
}

impl Secured {
    fn port(&self) -> u16 {
        match &self.served.address {
            Address::Tcp(address) => address.port(),
            Address::Unix(_) => panic!("it listens on a port"),
        }
    }

    fn uri(&self, certificates: &str) -> String {
        let folder = self.root.join(certificates);
        let port = self.port();
        format!(
            "nbds://localhost:{port}/disk?tls-certificates={}",
            folder.display()
        )
    }
}

#[test]
fn libnbd_reads_and_writes_over_tls() {
    if !has("nbdcopy", "libnbd-bin") || !has("nbdinfo", "libnbd-bin") {
        return;
    }
    let secured = secured();
    let said = run("nbdinfo", &["--no-content", &secured.uri("known")]);
    assert!(said.contains("with TLS"), "{said}");
    assert!(said.contains("export-size: 33554432"), "{said}");
    let given = secured.root.join("given.img");
    let content = noise(4, 32 << 20);
    fs::write(&given, &content).expect("it is written");
    let given = given.to_str().expect("a plain path");
    run("nbdcopy", &[given, &secured.uri("known")]);
    assert!(fs::read(&secured.disk).expect("the image") == content);
    // Answers that are longer than what sockets hold come whole too.
    let back = secured.root.join("back.img");
    let back = back.to_str().expect("a plain path");
    for size in ["--request-size=1048576", "--request-size=33554432"] {
        run("nbdcopy", &[size, &secured.uri("known"), back]);
        assert!(fs::read(back).expect("the copy") == content);
    }
    for unknown in ["stranger", "anonymous"] {
        let refused = try_run("nbdinfo", &["--no-content", &secured.uri(unknown)]);
        assert!(!refused.status.success(), "{unknown}");
    }
    let plain = format!("nbd://localhost:{}/disk", secured.port());
    let refused = try_run("nbdinfo", &["--no-content", &plain]);
    assert!(!refused.status.success(), "without TLS");
    let notes = secured.served.end();
    assert!(notes.iter().any(|note| note.contains("TLS")), "{notes:?}");
}

#[test]
fn qemu_reads_over_tls() {
    if !has("qemu-img", "qemu-utils") {
        return;
    }
    let secured = secured();
    let folder = secured.root.join("known");
    let credentials = format!(
        "tls-creds-x509,id=creds,dir={},endpoint=client",
        folder.display()
    );
    let port = secured.port();
    let disk = format!("driver=nbd,host=localhost,port={port},export=disk,tls-creds=creds");
    let arguments = ["info", "--object", &credentials, "--image-opts", &disk];
    let said = run("qemu-img", &arguments);
    assert!(said.contains("virtual size: 32 MiB"), "{said}");
    assert_eq!(secured.served.end(), Vec::<String>::new());
}

#[test]
fn without_an_authority_any_client_may_come() {
    if !has("nbdinfo", "libnbd-bin") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().to_owned();
    let ours = authority();
    let server = folder_of(&root, "server", &ours, &["server"]);
    folder_of(&root, "anonymous", &ours, &[]);
    fs::remove_file(server.join("ca-cert.pem")).expect("it is removed");
    let tls = Tls::from_folder(&server).expect("certificates");
    assert!(!tls.verifies_clients());
    let disk = image(&root, "disk.img", MIB);
    let served = Served::start(
        folder,
        vec![named("disk", device(&disk, true))],
        true,
        Some(tls),
    );
    let secured = Secured { served, root, disk };
    let said = run("nbdinfo", &["--no-content", &secured.uri("anonymous")]);
    assert!(said.contains("with TLS"), "{said}");
    assert_eq!(secured.served.end(), Vec::<String>::new());
}

/// The first `length` bytes of an export, taken a few at a time.
async fn read_slowly(stream: &mut TlsStream<UnixStream>, length: u32) -> Vec<u8> {
    let mut out = BytesMut::new();
    let ask = Ask {
        command: READ,
        length,
        ..Ask::default()
    };
    ask.put(&mut out);
    stream.write_all(&out).await.expect("sent");
    stream.flush().await.expect("sent");
    let mut told = vec![0; 16 + length as usize];
    for piece in told.chunks_mut(4096) {
        stream.read_exact(piece).await.expect("an answer");
        tokio::task::yield_now().await;
    }
    told.split_off(16)
}

/// The export `disk` over TLS.
async fn connect(path: &Path, authority: &Authority) -> TlsStream<UnixStream> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).expect("an authority");
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut stream = UnixStream::connect(path).await.expect("it is there");
    stream.read_exact(&mut [0; 18]).await.expect("a greeting");
    let mut out = BytesMut::from(&3_u32.to_be_bytes()[..]);
    put_option(&mut out, 5, &[]);
    stream.write_all(&out).await.expect("sent");
    stream.read_exact(&mut [0; 20]).await.expect("a reply");
    let name = ServerName::try_from("localhost").expect("a name");
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let mut stream = connected.await.expect("it is known");
    let mut out = BytesMut::new();
    put_option(&mut out, 1, b"disk");
    stream.write_all(&out).await.expect("sent");
    stream.read_exact(&mut [0; 10]).await.expect("an export");
    stream
}

/// Every answer ends at another place of a socket's buffer: some end where it is full, and there TLS keeps the rest.
#[test]
fn who_reads_slowly_over_tls_is_told_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().to_owned();
    let ours = authority();
    let server = folder_of(&root, "server", &ours, &["server"]);
    fs::remove_file(server.join("ca-cert.pem")).expect("it is removed");
    let tls = Tls::from_folder(&server).expect("certificates");
    let disk = image(&root, "disk.img", MIB);
    let held = noise(5, 1 << 20);
    fs::write(&disk, &held).expect("it is written");
    let exports = vec![named("disk", device(&disk, true))];
    let served = Served::start(folder, exports, false, Some(tls));
    let socket = root.join("socket");
    let reads = async {
        let mut stream = connect(&socket, &ours).await;
        for length in (512 << 10..=1 << 20).step_by(4 << 10) {
            let told = read_slowly(&mut stream, length).await;
            assert!(told == held[..length as usize], "{length}");
        }
    };
    served.runtime.block_on(async {
        let patience = WallClock.sleep(Duration::from_mins(1));
        let Either::Left(_) = select(pin!(reads), patience).await else {
            panic!("the end of an answer does not come");
        };
    });
}

#[test]
fn certificates_that_are_none_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |kind: ErrorKind, what: &str| {
        let error = Tls::from_folder(folder.path()).expect_err("it is refused");
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(what), "{error}");
    };
    refused(ErrorKind::NotFound, "server-cert.pem");
    let write = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).expect("it is written");
    };
    write("server-cert.pem", "nothing of the kind");
    refused(ErrorKind::Invalid, "server-cert.pem");
    let ours = authority();
    issue(folder.path(), &ours, "server");
    let key = KeyPair::generate().expect("a key").serialize_pem();
    write("server-key.pem", &key);
    refused(ErrorKind::Invalid, "certificates in");
    issue(folder.path(), &ours, "server");
    write("ca-cert.pem", "");
    refused(ErrorKind::Invalid, "ca-cert.pem");
}
