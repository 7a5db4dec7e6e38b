//! Credentials as the tools of the two clouds keep them: AWS's profile files, Azure's connection
//! strings. The clients read the environment variables themselves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The settings of one profile, by their names in AWS's files.
pub(crate) type Profile = BTreeMap<String, String>;

/// Reads the profile that `AWS_PROFILE` names (else `default`) from `~/.aws/config` and
/// `~/.aws/credentials`, or the files that `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE` name.
pub(crate) fn aws_profile() -> Result<Profile> {
    let named = std::env::var("AWS_PROFILE").ok();
    let name = named.as_deref().unwrap_or("default");
    let config = read(&file("AWS_CONFIG_FILE", "config"))?;
    let credentials = read(&file("AWS_SHARED_CREDENTIALS_FILE", "credentials"))?;
    let profile = profile(name, &config, &credentials);
    match (profile, named) {
        (Some(profile), _) => Ok(profile),
        (None, None) => Ok(Profile::new()),
        (None, Some(named)) => bail!(
            "AWS_PROFILE is '{named}', and neither ~/.aws/config nor ~/.aws/credentials has such a \
             profile: `aws configure --profile {named}` makes it"
        ),
    }
}

fn file(variable: &str, name: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(
        || {
            let home = std::env::var_os("HOME").unwrap_or_default();
            Path::new(&home).join(".aws").join(name)
        },
        PathBuf::from,
    )
}

fn read(file: &Path) -> Result<String> {
    match std::fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        read => read.with_context(|| format!("AWS settings in {}", file.display())),
    }
}

/// The settings of profile `name` in both files; those of the credentials file win.
fn profile(name: &str, config: &str, credentials: &str) -> Option<Profile> {
    // The one file writes [profile name], the other [name]; `default` may stand alone in both.
    let in_config = |section: &str| {
        let named = section.strip_prefix("profile ").map(str::trim);
        named == Some(name) || (name == "default" && section == name)
    };
    let mut found = section(config, in_config);
    if let Some(keys) = section(credentials, |section| section == name) {
        found.get_or_insert_default().extend(keys);
    }
    found
}

/// The settings in the sections that `wanted` picks, none if there is no such section. Settings
/// below another one (indented, as in `s3 =`) are not ours.
fn section(text: &str, wanted: impl Fn(&str) -> bool) -> Option<Profile> {
    let mut found: Option<Profile> = None;
    let mut inside = false;
    for line in text.lines() {
        let header = line.trim().strip_prefix('[');
        if let Some((header, _)) = header.and_then(|rest| rest.split_once(']')) {
            inside = wanted(header.trim());
            if inside {
                found.get_or_insert_default();
            }
        } else if inside
            && !line.starts_with([' ', '\t', '#', ';'])
            && let (Some(found), Some((key, value))) = (found.as_mut(), line.split_once('='))
        {
            found.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    found
}

/// What an Azure connection string holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct AzureConnection {
    /// `UseDevelopmentStorage=true`: the emulator, whose account and key are known.
    pub(crate) is_emulator: bool,
    pub(crate) account: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) sas: Option<String>,
    pub(crate) endpoint: Option<String>,
}

/// Reads a connection string as the portal and `az storage account show-connection-string` give it.
pub(crate) fn azure_connection(text: &str) -> Result<AzureConnection> {
    let mut read = AzureConnection::default();
    let (mut protocol, mut suffix) = ("https", None);
    for pair in text
        .split(';')
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
    {
        // Not the pair itself: it may be a key.
        let (key, value) = pair
            .split_once('=')
            .context("AZURE_STORAGE_CONNECTION_STRING has a part without '='")?;
        match key.to_ascii_lowercase().as_str() {
            "usedevelopmentstorage" => read.is_emulator = value.eq_ignore_ascii_case("true"),
            "accountname" => read.account = Some(value.to_owned()),
            "accountkey" => read.key = Some(value.to_owned()),
            "sharedaccesssignature" => {
                read.sas = Some(value.trim_start_matches('?').to_owned());
            }
            "blobendpoint" => read.endpoint = Some(value.trim_end_matches('/').to_owned()),
            "defaultendpointsprotocol" => protocol = value,
            "endpointsuffix" => suffix = Some(value),
            _ => {}
        }
    }
    if let (None, Some(account), Some(suffix)) = (&read.endpoint, &read.account, suffix) {
        read.endpoint = Some(format!("{protocol}://{account}.blob.{suffix}"));
    }
    if let (None, Some(endpoint)) = (&read.account, &read.endpoint) {
        // One with a shared access signature names the account in its address only.
        let host = endpoint.split_once("://").map_or("", |(_, host)| host);
        let account = host.split_once('.').map(|(account, _)| account.to_owned());
        read.account = account;
    }
    if read.account.is_none() && !read.is_emulator {
        bail!("AZURE_STORAGE_CONNECTION_STRING names neither AccountName nor BlobEndpoint");
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::{AzureConnection, azure_connection, profile};

    const CONFIG: &str = "\
[default]
region = eu-west-1
[profile work]
region=eu-central-1
s3 =
  region = not-this
# region = nor-this
endpoint_url = https://s3.example.com
[sso-session work]
region = us-east-1
";
    const CREDENTIALS: &str = "\
[default]
aws_access_key_id = AKIADEFAULT
aws_secret_access_key = a/b+c=
[ work ]
AWS_ACCESS_KEY_ID = AKIAWORK
aws_session_token = token==
[profile other]
aws_access_key_id = no
";

    #[test]
    fn a_profile_is_put_together_from_both_files() {
        let of = |name| profile(name, CONFIG, CREDENTIALS);
        let default = of("default").expect("a profile");
        assert_eq!(default["region"], "eu-west-1");
        assert_eq!(default["aws_secret_access_key"], "a/b+c=");
        let work = of("work").expect("a profile");
        assert_eq!(work["region"], "eu-central-1");
        assert_eq!(work["endpoint_url"], "https://s3.example.com");
        assert_eq!(work["aws_access_key_id"], "AKIAWORK");
        assert_eq!(work["aws_session_token"], "token==");
        assert_eq!(of("other"), None);
        assert_eq!(profile("default", "", ""), None);
    }

    #[test]
    fn a_connection_string_is_read() {
        let read = |text| azure_connection(text).expect("a connection");
        let common = "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=a/b+c==;\
                      EndpointSuffix=core.windows.net";
        assert_eq!(
            read(common),
            AzureConnection {
                account: Some("acme".to_owned()),
                key: Some("a/b+c==".to_owned()),
                endpoint: Some("https://acme.blob.core.windows.net".to_owned()),
                ..AzureConnection::default()
            }
        );
        let signed = "BlobEndpoint=https://acme.blob.core.windows.net/;\
                      SharedAccessSignature=?sv=2024&sig=x%3D";
        let signed = read(signed);
        assert_eq!(signed.account.as_deref(), Some("acme"));
        assert_eq!(signed.sas.as_deref(), Some("sv=2024&sig=x%3D"));
        assert!(read("UseDevelopmentStorage=true").is_emulator);
        for wrong in ["AccountKey=x", "AccountName=a;secret", ""] {
            let refused = azure_connection(wrong).expect_err(wrong).to_string();
            assert!(!refused.contains("secret"), "a key is not shown");
        }
    }
}
