//! Where a vault lies: a folder, or a URL of a bucket or container.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use engine::seam::store::{Pace, open_azure, open_s3};
use engine::seam::{Store, open_local};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::path::Path;
use object_store::prefix::PrefixStore;

use crate::credentials::{Profile, aws_profile, azure_connection};

/// Where a vault lies.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A folder on a disk.
    Folder(PathBuf),
    /// A bucket of Amazon S3, or of a server that speaks like it.
    S3 { bucket: String, prefix: Path },
    /// A container of Azure Blob Storage.
    Azure { container: String, prefix: Path },
}

impl Place {
    /// Reads a path or URL.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Self::Folder(PathBuf::from(text)));
        };
        if scheme == "file" {
            if !rest.starts_with('/') {
                bail!("'{text}': write file:///absolute/path");
            }
            return Ok(Self::Folder(PathBuf::from(rest)));
        }
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = Path::parse(prefix.trim_end_matches('/'))
            .with_context(|| format!("'{text}': the path in it can't be used"))?;
        // Names of buckets and containers hold nothing else; a host or an account is no part of it.
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-._$".contains(c);
        if name.is_empty() || !name.chars().all(is_name) {
            bail!("'{text}': write s3://BUCKET/PREFIX or az://CONTAINER/PREFIX");
        }
        let name = name.to_owned();
        match scheme {
            "s3" => Ok(Self::S3 {
                bucket: name,
                prefix,
            }),
            "az" => Ok(Self::Azure {
                container: name,
                prefix,
            }),
            _ => bail!(
                "'{text}': vaults lie in folders, on s3://BUCKET/PREFIX and on \
                 az://CONTAINER/PREFIX, not on {scheme}://"
            ),
        }
    }

    /// Opens the store there. A network's store sends at `upload`.
    pub(crate) fn open(&self, upload: Option<Arc<Pace>>) -> Result<Store> {
        let (store, prefix) = match self {
            Self::Folder(folder) => return Ok(open_local(folder)?),
            Self::S3 { bucket, prefix } => (open_s3(s3(bucket)?, upload)?, prefix),
            Self::Azure { container, prefix } => (open_azure(azure(container)?, upload)?, prefix),
        };
        Ok(if prefix.is_root() {
            store
        } else {
            Arc::new(PrefixStore::new(store, prefix.clone()))
        })
    }
}

/// Settings of a bucket: the environment's first, a profile's where it has none.
fn s3(bucket: &str) -> Result<AmazonS3Builder> {
    use AmazonS3ConfigKey as Key;
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
    let has = |builder: &AmazonS3Builder, key| builder.get_config_value(&key).is_some();
    let has_keys = has(&builder, Key::AccessKeyId);
    let profile = aws_profile()?;
    let fill = |builder: AmazonS3Builder, key: Key, setting: &str| match profile.get(setting) {
        Some(value) if !has(&builder, key) => builder.with_config(key, value),
        _ => builder,
    };
    if !has_keys {
        builder = fill(builder, Key::AccessKeyId, "aws_access_key_id");
        builder = fill(builder, Key::SecretAccessKey, "aws_secret_access_key");
        builder = fill(builder, Key::Token, "aws_session_token");
    }
    builder = fill(builder, Key::Region, "region");
    builder = fill(builder, Key::Endpoint, "endpoint_url");
    if !has(&builder, Key::AccessKeyId) {
        refuse_helpers(&profile)?;
    }
    let allowed = builder.get_config_value(&Key::Client(object_store::ClientConfigKey::AllowHttp));
    let endpoint = builder
        .get_config_value(&Key::S3Endpoint)
        .or_else(|| builder.get_config_value(&Key::Endpoint));
    refuse_plain_http(endpoint.as_deref(), allowed.as_deref(), "AWS_ALLOW_HTTP")?;
    Ok(builder)
}

/// Refuses a profile whose keys only another program can get.
fn refuse_helpers(profile: &Profile) -> Result<()> {
    let helpers = [
        "sso_session",
        "sso_start_url",
        "role_arn",
        "credential_process",
    ];
    if let Some(helper) = helpers.iter().find(|name| profile.contains_key(**name)) {
        bail!(
            "the AWS profile gets its keys by {helper}, which firedrill does not do: \
             `eval \"$(aws configure export-credentials --format env)\"` puts them into the \
             environment"
        );
    }
    Ok(())
}

/// The names of the client first, then those of the `az` command line, then its connection string.
fn azure(container: &str) -> Result<MicrosoftAzureBuilder> {
    use AzureConfigKey as Key;
    let mut builder = MicrosoftAzureBuilder::from_env().with_container_name(container);
    let has = |builder: &MicrosoftAzureBuilder, key| builder.get_config_value(&key).is_some();
    for (key, variable) in [
        (Key::AccountName, "AZURE_STORAGE_ACCOUNT"),
        (Key::AccessKey, "AZURE_STORAGE_KEY"),
    ] {
        if let (false, Ok(value)) = (has(&builder, key), std::env::var(variable)) {
            builder = builder.with_config(key, value);
        }
    }
    if let Ok(text) = std::env::var("AZURE_STORAGE_CONNECTION_STRING") {
        let connection = azure_connection(&text)?;
        if connection.is_emulator {
            builder = builder.with_use_emulator(true);
        }
        // In clear on this machine alone: elsewhere AZURE_ALLOW_HTTP says that it is meant.
        let is_plain = |endpoint: &String| {
            let host = endpoint.strip_prefix("http://");
            host.is_some_and(|host| host.starts_with("127.0.0.1") || host.starts_with("localhost"))
        };
        if connection.endpoint.as_ref().is_some_and(is_plain) {
            builder = builder.with_allow_http(true);
        }
        for (key, value) in [
            (Key::AccountName, connection.account),
            (Key::AccessKey, connection.key),
            (Key::SasKey, connection.sas),
            (Key::Endpoint, connection.endpoint),
        ] {
            if let (false, Some(value)) = (has(&builder, key), value) {
                builder = builder.with_config(key, value);
            }
        }
    }
    let is_emulator = builder.get_config_value(&Key::UseEmulator).as_deref() == Some("true");
    if !is_emulator && !has(&builder, Key::AccountName) {
        bail!(
            "az://{container}: whose? Set AZURE_STORAGE_ACCOUNT_NAME, or \
             AZURE_STORAGE_CONNECTION_STRING"
        );
    }
    let allowed = builder.get_config_value(&Key::Client(object_store::ClientConfigKey::AllowHttp));
    let endpoint = builder.get_config_value(&Key::Endpoint);
    refuse_plain_http(endpoint.as_deref(), allowed.as_deref(), "AZURE_ALLOW_HTTP")?;
    Ok(builder)
}

fn refuse_plain_http(endpoint: Option<&str>, allowed: Option<&str>, variable: &str) -> Result<()> {
    match endpoint {
        Some(endpoint) if endpoint.starts_with("http://") && allowed != Some("true") => bail!(
            "the endpoint {endpoint} is not encrypted: use https://, or set {variable}=true for a \
             server on this machine"
        ),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::Place;
    use object_store::path::Path;
    use std::path::PathBuf;

    #[test]
    fn places_are_read_as_they_are_written() {
        let read = |text| Place::parse(text).expect(text);
        let folder = |path| Place::Folder(PathBuf::from(path));
        assert_eq!(read("some/vault"), folder("some/vault"));
        assert_eq!(read("file:///some/vault"), folder("/some/vault"));
        let s3 = |prefix: &str| Place::S3 {
            bucket: "my.bucket-1".to_owned(),
            prefix: Path::from(prefix),
        };
        assert_eq!(read("s3://my.bucket-1/a/vault/"), s3("a/vault"));
        assert_eq!(read("s3://my.bucket-1"), s3(""));
        let azure = Place::Azure {
            container: "vaults".to_owned(),
            prefix: Path::from("a b"),
        };
        assert_eq!(read("az://vaults/a b"), azure);
    }

    #[test]
    fn what_is_no_place_is_refused_with_the_next_step() {
        for (text, told) in [
            ("file://relative", "file:///absolute"),
            ("gs://bucket/x", "not on gs://"),
            ("s3://", "s3://BUCKET/PREFIX"),
            ("s3:///x", "s3://BUCKET/PREFIX"),
            ("s3://user@host:1/x", "s3://BUCKET/PREFIX"),
            ("az://c/a//b", "can't be used"),
            ("az://c/../b", "can't be used"),
        ] {
            let refused = Place::parse(text).expect_err(text);
            assert!(format!("{refused:#}").contains(told), "{text}: {refused:#}");
        }
    }
}
