//! Stores behind a network: the client that carries requests to them, and what their refusals mean.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{StreamExt, TryStreamExt};
use http_body_util::BodyExt;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};
use object_store::{ClientConfigKey, ClientOptions, RetryConfig};

use super::limited::paced;
use super::{Pace, Store, Transient};
use crate::error::{Error, Result};

/// A pack of 32 MiB over a link, or at a limit, of 10 KiB a second takes this long.
const REQUEST_TIMEOUT: &str = "3600s";
/// A connection that brings nothing for so long is given up. The wait for the answer to an upload
/// counts too: a pack of 32 MiB at 1 Mbit/s takes 270 s.
const READ_TIMEOUT: &str = "300s";
/// To connect takes some round trips only. The default of `object_store`, after AWS's advice.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens a bucket. Uploads pass at `upload`, piece by piece on the wire.
///
/// # Errors
/// `Invalid` when the settings make no client.
pub fn open_s3(builder: AmazonS3Builder, upload: Option<Arc<Pace>>) -> Result<Store> {
    let client = AmazonS3ConfigKey::Client;
    let store = builder
        .with_config(client(ClientConfigKey::Timeout), REQUEST_TIMEOUT)
        .with_config(client(ClientConfigKey::ReadTimeout), READ_TIMEOUT)
        .with_retry(no_retries())
        // Each delete is a request of its own, which every S3 server knows.
        .with_disable_bulk_delete(true)
        .with_http_connector(Transport { upload })
        .build();
    Ok(Arc::new(store.map_err(|error| unusable(&error))?))
}

/// Opens a container of Azure Blob Storage. Uploads pass at `upload`, piece by piece on the wire.
///
/// # Errors
/// `Invalid` when the settings make no client.
pub fn open_azure(builder: MicrosoftAzureBuilder, upload: Option<Arc<Pace>>) -> Result<Store> {
    let client = AzureConfigKey::Client;
    let store = builder
        .with_config(client(ClientConfigKey::Timeout), REQUEST_TIMEOUT)
        .with_config(client(ClientConfigKey::ReadTimeout), READ_TIMEOUT)
        .with_retry(no_retries())
        .with_http_connector(Transport { upload })
        .build();
    Ok(Arc::new(store.map_err(|error| unusable(&error))?))
}

fn unusable(error: &object_store::Error) -> Error {
    let what = format!("the store's settings can't be used: {error}");
    Error::new(crate::ErrorKind::Invalid, what)
}

/// There is one retry layer, and it is ours.
fn no_retries() -> RetryConfig {
    RetryConfig {
        max_retries: 0,
        ..RetryConfig::default()
    }
}

/// Makes clients that pace what they send, and tell refusals that may pass from those that won't.
#[derive(Debug)]
struct Transport {
    upload: Option<Arc<Pace>>,
}

impl HttpConnector for Transport {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let plain = ReqwestConnector::default().connect(options)?;
        let allow_http = options.get_config_value(&ClientConfigKey::AllowHttp);
        let paced = match &self.upload {
            Some(pace) => {
                // No time limit: a body that passes slowly is what was asked for. The kernel gives
                // up a connection whose other end answers nothing.
                let client = reqwest::Client::builder()
                    .https_only(allow_http.as_deref() != Some("true"))
                    .connect_timeout(CONNECT_TIMEOUT)
                    .build();
                let client = client.map_err(|error| object_store::Error::Generic {
                    store: "network",
                    source: error.into(),
                })?;
                Some((client, Arc::clone(pace)))
            }
            None => None,
        };
        Ok(HttpClient::new(Carrier { plain, paced }))
    }
}

#[derive(Debug)]
struct Carrier {
    plain: HttpClient,
    paced: Option<(reqwest::Client, Arc<Pace>)>,
}

#[async_trait]
impl HttpService for Carrier {
    async fn call(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        let answer = match &self.paced {
            Some((client, pace)) if request.body().content_length() > 0 => {
                send_paced(client, pace, request).await?
            }
            _ => self.plain.execute(request).await?,
        };
        refused(answer).await
    }
}

async fn send_paced(
    client: &reqwest::Client,
    pace: &Arc<Pace>,
    request: HttpRequest,
) -> std::result::Result<HttpResponse, HttpError> {
    let (parts, body) = request.into_parts();
    let url = parts.uri.to_string();
    let url = reqwest::Url::parse(&url).map_err(|error| failed(HttpErrorKind::Unknown, error))?;
    let body = body.into_data_stream();
    let body = body.map_err(|error| object_store::Error::Generic {
        store: "network",
        source: error.into(),
    });
    let body = reqwest::Body::wrap_stream(paced(body.boxed(), Arc::clone(pace)));
    // The length is among the headers, as the signature is.
    let request = client.request(parts.method, url).headers(parts.headers);
    let sent = request.body(body).send().await;
    let answer = sent.map_err(|error| failed(kind_of(&error), error))?;
    let mut told = HttpResponse::new(bytes::Bytes::new().into());
    *told.status_mut() = answer.status();
    *told.headers_mut() = answer.headers().clone();
    // The answer to a body of ours is short.
    let body = answer.bytes().await;
    *told.body_mut() = body.map_err(|error| failed(kind_of(&error), error))?.into();
    Ok(told)
}

fn failed(kind: HttpErrorKind, error: impl std::error::Error + Send + Sync + 'static) -> HttpError {
    HttpError::new(kind, error)
}

fn kind_of(error: &reqwest::Error) -> HttpErrorKind {
    if error.is_connect() {
        HttpErrorKind::Connect
    } else if error.is_timeout() {
        HttpErrorKind::Timeout
    } else if error.is_builder() || error.is_redirect() {
        HttpErrorKind::Unknown
    } else {
        HttpErrorKind::Interrupted
    }
}

/// Turns an answer that means "not now" into a `Transient`; others pass as they are.
async fn refused(answer: HttpResponse) -> std::result::Result<HttpResponse, HttpError> {
    let status = answer.status();
    let may_pass = match status.as_u16() {
        408 | 429 => true,
        // 501 says that the store can't do it, and never will.
        500..=599 => status.as_u16() != 501,
        // S3 refuses one of two conditional puts at the same moment, though neither is there yet.
        409 => true,
        _ => false,
    };
    if !may_pass {
        return Ok(answer);
    }
    let asked = answer.headers().get("retry-after");
    let asked = asked.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let (parts, body) = answer.into_parts();
    let body = body.bytes().await?;
    let text = String::from_utf8_lossy(&body);
    if status.as_u16() == 409 && !text.contains("ConditionalRequestConflict") {
        return Ok(HttpResponse::from_parts(parts, body.into()));
    }
    let what = format!("the store answered {status}{}", Short(&text));
    let refusal = Transient::new(what, asked.map(Duration::from_secs));
    Err(HttpError::new(HttpErrorKind::Unknown, refusal))
}

/// The beginning of an answer's text, on one line.
struct Short<'a>(&'a str);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = self.0.split_whitespace().peekable();
        if words.peek().is_some() {
            f.write_str(": ")?;
        }
        let text = words.collect::<Vec<_>>().join(" ");
        f.write_str(text.get(..300).unwrap_or(&text))
    }
}
