//! TLS, from a folder of certificates as QEMU, nbdkit and libnbd lay it out.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer,
};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

use crate::error::{Error, ErrorKind, Result};

/// How connections are made secure: TLS 1.2 or 1.3.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    verifies_clients: bool,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("verifies_clients", &self.verifies_clients)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads `server-cert.pem` (with what leads to the authority, if anything does) and
    /// `server-key.pem` in `folder`. Where `ca-cert.pem` is there, clients must show a certificate of
    /// that authority, which `ca-crl.pem`, where it is there, must not revoke.
    ///
    /// # Errors
    /// `NotFound` or `Denied` when a file can't be read, `Invalid` when it holds something else or
    /// when key and certificate don't belong together.
    pub fn from_folder(folder: &Path) -> Result<Self> {
        let wrong = |error: tokio_rustls::rustls::Error| {
            let folder = folder.display();
            let what = format!("failed to use the certificates in {folder}: {error}");
            Error::new(ErrorKind::Invalid, what).caused_by(error)
        };
        let chain = certificates(&folder.join("server-cert.pem"))?;
        let path = folder.join("server-key.pem");
        let key = PrivateKeyDer::from_pem_file(&path).map_err(|error| unread(&path, error))?;
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(wrong)?;
        let verifier = verifier(folder)?;
        let verifies_clients = verifier.is_some();
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let config = builder.with_single_cert(chain, key).map_err(wrong)?;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            verifies_clients,
        })
    }

    /// Whether clients must show a certificate.
    pub fn verifies_clients(&self) -> bool {
        self.verifies_clients
    }

    pub(super) async fn accept<S>(&self, stream: S) -> Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.acceptor.accept(stream).await.map_err(|error| {
            let what = format!("failed to agree on TLS with a client: {error}");
            Error::new(ErrorKind::Denied, what).caused_by(error)
        })
    }
}

fn verifier(folder: &Path) -> Result<Option<Arc<dyn ClientCertVerifier>>> {
    let path = folder.join("ca-cert.pem");
    if !exists(&path)? {
        return Ok(None);
    }
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&path)? {
        roots.add(certificate).map_err(|error| {
            let what = format!("{} is not an authority's: {error}", path.display());
            Error::new(ErrorKind::Invalid, what).caused_by(error)
        })?;
    }
    let provider = Arc::new(default_provider());
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let revoked = folder.join("ca-crl.pem");
    if exists(&revoked)? {
        builder = builder.with_crls(pems::<CertificateRevocationListDer<'static>>(&revoked)?);
    }
    let verifier = builder.build().map_err(|error| {
        let what = format!("failed to use {}: {error}", path.display());
        Error::new(ErrorKind::Invalid, what).caused_by(error)
    })?;
    Ok(Some(verifier))
}

/// Only a file that is surely not there may be done without: what can't be read may be what matters.
fn exists(path: &Path) -> Result<bool> {
    path.try_exists()
        .map_err(|error| Error::from_io(format!("failed to read {}", path.display()), error))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let list: Vec<_> = pems(path)?;
    if list.is_empty() {
        let what = format!("{} holds no certificate", path.display());
        return Err(Error::new(ErrorKind::Invalid, what));
    }
    Ok(list)
}

fn pems<T: PemObject>(path: &Path) -> Result<Vec<T>> {
    let read = T::pem_file_iter(path).and_then(Iterator::collect);
    read.map_err(|error| unread(path, error))
}

fn unread(path: &Path, error: pem::Error) -> Error {
    let what = format!("failed to read {}", path.display());
    match error {
        pem::Error::Io(error) => Error::from_io(what, error),
        error => Error::new(ErrorKind::Invalid, format!("{what}: {error}")).caused_by(error),
    }
}
