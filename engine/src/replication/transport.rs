//! TLS between the two sites of a group: each shows a certificate of the group's own authority, which signed
//! two and was forgotten.

use std::fmt;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};
use crate::ids::ObjectId;
use crate::seam::store::Pace;
use crate::seam::{Dial, Entropy, Link};

use super::parcel::GroupKey;

/// The name in both certificates: where a site is is no part of who it is.
const NAME: &str = "site.firedrill.invalid";
const OPENING: &str = "firedrill site identity";
const GROUP: &str = "group: ";
const KEY: &str = "group-key: ";

/// Who a site is, and the key of what it sends: a secret.
#[derive(Clone)]
pub struct Identity {
    /// The group that it belongs to.
    pub group: ObjectId,
    /// The group's key.
    pub key: GroupKey,
    /// What only this site of the two is called: a hash of its certificate.
    pub name: String,
    client: TlsConnector,
    server: TlsAcceptor,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

fn wrong(error: &impl fmt::Display) -> Error {
    Error::new(
        ErrorKind::Internal,
        format!("failed to make certificates: {error}"),
    )
}

/// Makes the identities of a new group's two sites, as the text of the files that hold them.
///
/// # Errors
/// `Internal` where no keys can be made.
pub fn issue(entropy: &dyn Entropy) -> Result<[Zeroizing<String>; 2]> {
    let mut group = [0; 16];
    entropy.fill(&mut group);
    let group = ObjectId(group);
    let key = GroupKey::draw(entropy);
    let authority_key = KeyPair::generate().map_err(|error| wrong(&error))?;
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    authority
        .distinguished_name
        .push(DnType::CommonName, format!("firedrill group {group}"));
    let authority_pem = authority
        .self_signed(&authority_key)
        .map_err(|error| wrong(&error))?
        .pem();
    let issuer = Issuer::from_params(&authority, &authority_key);
    let site = || {
        let site_key = KeyPair::generate().map_err(|error| wrong(&error))?;
        let mut site =
            CertificateParams::new(vec![NAME.to_owned()]).map_err(|error| wrong(&error))?;
        site.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        site.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let certificate = site
            .signed_by(&site_key, &issuer)
            .map_err(|error| wrong(&error))?
            .pem();
        let mut text = Zeroizing::new(String::with_capacity(8 << 10));
        let _ = writeln!(text, "{OPENING}: keep it secret, mode 600").is_ok();
        let _ = writeln!(text, "{GROUP}{group}").is_ok();
        text.push_str(KEY);
        key.expose().iter().for_each(|byte| {
            let _ = write!(text, "{byte:02x}").is_ok();
        });
        let secret = Zeroizing::new(site_key.serialize_pem());
        let _ = write!(text, "\n{certificate}{authority_pem}{}", *secret).is_ok();
        Ok::<_, Error>(text)
    };
    Ok([site()?, site()?])
}

impl Identity {
    /// Reads an identity's file.
    ///
    /// # Errors
    /// `NotFound` or `Denied` as the system says, `Invalid` for what is none.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::from_io(format!("failed to read the identity {name}"), error)
        })?;
        let text = Zeroizing::new(text);
        Self::parse(&text).ok_or_else(|| {
            let what = format!(
                "{name} is no identity of a site: `firedrill replica init` makes one for each of the two"
            );
            Error::new(ErrorKind::Invalid, what)
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let line = |prefix| {
            text.lines()
                .find_map(|line: &str| line.strip_prefix(prefix))
        };
        text.lines()
            .next()
            .filter(|first| first.starts_with(OPENING))?;
        let group = line(GROUP)?.parse().ok()?;
        let digits = line(KEY)?.as_bytes();
        let mut key = Zeroizing::new([0; 32]);
        if digits.len() != 64 {
            return None;
        }
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        let certificates = CertificateDer::pem_slice_iter(text.as_bytes());
        let certificates: Vec<_> = certificates.collect::<std::result::Result<_, _>>().ok()?;
        let [own, authority] = certificates.as_slice() else {
            return None;
        };
        let secret = PrivateKeyDer::from_pem_slice(text.as_bytes()).ok()?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone()).ok()?;
        let (provider, roots) = (Arc::new(default_provider()), Arc::new(roots));
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])
            .ok()?
            .with_root_certificates(Arc::clone(&roots))
            .with_client_auth_cert(vec![own.clone()], secret.clone_key())
            .ok()?;
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider));
        let server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .ok()?
            .with_client_cert_verifier(verifier.build().ok()?)
            .with_single_cert(vec![own.clone()], secret)
            .ok()?;
        Some(Self {
            group,
            key: GroupKey::from_bytes(*key),
            name: blake3::hash(own).to_hex().to_string(),
            client: TlsConnector::from(Arc::new(client)),
            server: TlsAcceptor::from(Arc::new(server)),
        })
    }

    /// Takes the next connection of the other site.
    ///
    /// # Errors
    /// `Unavailable` where the socket fails.
    pub async fn accept(&self, listener: &TcpListener) -> Result<TcpStream> {
        let (stream, _) = listener.accept().await.map_err(|error| {
            Error::from_io("failed to take a connection of the other site", error)
        })?;
        Ok(stream)
    }

    /// Makes a link of a connection that was taken.
    ///
    /// # Errors
    /// `Denied` where it is not the other site of this group.
    pub async fn welcome(&self, stream: TcpStream) -> Result<Link> {
        let _ = stream.set_nodelay(true).is_ok();
        let stream = self.server.accept(stream).await.map_err(|error| {
            let what =
                format!("someone who is not the other site of this group connected: {error}");
            Error::new(ErrorKind::Denied, what).caused_by(error)
        })?;
        Ok(Link::over(stream, None))
    }
}

/// The way to the other site.
#[derive(Clone, Debug)]
pub struct TlsDial {
    /// Who this site is.
    pub identity: Identity,
    /// Where the other is: host and port.
    pub address: String,
    /// How fast is sent.
    pub pace: Option<Arc<Pace>>,
}

#[async_trait]
impl Dial for TlsDial {
    async fn dial(&self) -> Result<Link> {
        let address = &self.address;
        let stream = TcpStream::connect(address).await.map_err(|error| {
            let what = format!("failed to reach the other site at {address}: {error}");
            Error::new(ErrorKind::Unavailable, what).caused_by(error)
        })?;
        let _ = stream.set_nodelay(true).is_ok();
        let name = ServerName::try_from(NAME).map_err(|error| wrong(&error))?;
        let stream = self
            .identity
            .client
            .connect(name, stream)
            .await
            .map_err(|error| {
                let what = format!("{address} is not the other site of this group: {error}");
                let kind = match error.kind() {
                    std::io::ErrorKind::InvalidData => ErrorKind::Denied,
                    _ => ErrorKind::Unavailable,
                };
                Error::new(kind, what).caused_by(error)
            })?;
        Ok(Link::over(stream, self.pace.clone()))
    }

    fn name(&self) -> String {
        self.address.clone()
    }
}
