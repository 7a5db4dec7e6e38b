//! The retention policy that a file and flags mean: what a flag gives replaces the file's.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use engine::retention::{Count, Policy, RelativeTo, Rule, Span};
use engine::{Error, ErrorKind};

/// What to keep. Each rule counts every point by itself.
#[derive(Debug, Args)]
#[group(id = "keep")]
pub(crate) struct KeepArgs {
    /// Keep the newest N points (a number, or `unlimited`)
    #[arg(long, value_name = "N")]
    keep_last: Option<Count>,
    /// Keep the newest point of each of the newest N hours that have one
    #[arg(long, value_name = "N")]
    keep_hourly: Option<Count>,
    /// The same of days
    #[arg(long, value_name = "N")]
    keep_daily: Option<Count>,
    /// Of ISO weeks
    #[arg(long, value_name = "N")]
    keep_weekly: Option<Count>,
    /// Of months
    #[arg(long, value_name = "N")]
    keep_monthly: Option<Count>,
    /// Of quarters
    #[arg(long, value_name = "N")]
    keep_quarterly: Option<Count>,
    /// Of years
    #[arg(long, value_name = "N")]
    keep_yearly: Option<Count>,
    /// Keep all points younger than this (1y6m, 30d, 12h)
    #[arg(long, value_name = "AGE")]
    keep_within: Option<Span>,
    /// Keep the newest point of each hour younger than this
    #[arg(long, value_name = "AGE")]
    keep_within_hourly: Option<Span>,
    /// The same of days
    #[arg(long, value_name = "AGE")]
    keep_within_daily: Option<Span>,
    /// Of ISO weeks
    #[arg(long, value_name = "AGE")]
    keep_within_weekly: Option<Span>,
    /// Of months
    #[arg(long, value_name = "AGE")]
    keep_within_monthly: Option<Span>,
    /// Of quarters
    #[arg(long, value_name = "AGE")]
    keep_within_quarterly: Option<Span>,
    /// Of years
    #[arg(long, value_name = "AGE")]
    keep_within_yearly: Option<Span>,
    /// Keep points with this tag, or with all tags of a list (a,b); may be given again
    #[arg(long, value_name = "TAG")]
    keep_tag: Vec<String>,
    /// Read the policy from this TOML file; flags replace what it says (`retention plan` takes
    /// several, to be held beside each other)
    #[arg(long, value_name = "FILE")]
    policy: Vec<PathBuf>,
    /// The zone whose hours, days and weeks are meant [default: UTC]
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// What ages are measured from: latest (the newest point), now, or an instant [default: latest]
    #[arg(long, value_name = "WHEN")]
    relative_to: Option<RelativeTo>,
}

impl KeepArgs {
    /// The policy, or `None` where nothing says what to keep.
    ///
    /// # Errors
    /// `Invalid` for a policy that keeps nothing or does not read, and for several.
    pub(crate) fn policy(&self) -> Result<Option<Policy>> {
        let mut policies = self.policies(None)?;
        if policies.len() > 1 {
            let say = "several --policy files: one policy decides what to forget; \
                       `firedrill retention plan` holds several beside each other";
            return Err(Error::new(ErrorKind::Invalid, say).into());
        }
        Ok(policies.pop().map(|(_, policy)| policy))
    }

    /// Each policy with its file's name, or the one of the flags, on top of `base`; none where nothing
    /// says what to keep.
    ///
    /// # Errors
    /// `Invalid` for a policy that keeps nothing or does not read.
    pub(crate) fn policies(&self, base: Option<Policy>) -> Result<Vec<(String, Policy)>> {
        let mut policies = Vec::new();
        for file in &self.policy {
            let text = std::fs::read_to_string(file)
                .map_err(|error| Error::from_io(format!("policy {}", file.display()), error))?;
            let policy = toml::from_str(&text).map_err(|error| {
                let say = format!("policy {}: {error}", file.display());
                Error::new(ErrorKind::Invalid, say)
            })?;
            let name = file.file_stem().unwrap_or(file.as_os_str());
            policies.push((name.to_string_lossy().into_owned(), policy));
        }
        if policies.is_empty() {
            policies.push(("the policy".to_owned(), base.unwrap_or_default()));
        }
        for (_, policy) in &mut policies {
            self.replace(policy);
        }
        if self.policy.is_empty() && policies[0].1 == Policy::default() {
            return Ok(Vec::new());
        }
        for (_, policy) in &policies {
            policy.check()?;
        }
        Ok(policies)
    }

    /// The flags again, as words of a command line that runs later and elsewhere; `None` where nothing
    /// says what to keep.
    ///
    /// # Errors
    /// As [`Self::policy`], so that a mistake is told now.
    pub(crate) fn arguments(&self) -> Result<Option<Vec<String>>> {
        if self.policy()?.is_none() {
            return Ok(None);
        }
        let mut flags = Policy::default();
        self.replace(&mut flags);
        let mut words = Vec::new();
        let mut add = |flag: String, value: String| words.extend([flag, value]);
        for file in &self.policy {
            let file = std::path::absolute(file)?;
            add("--policy".to_owned(), file.display().to_string());
        }
        for rule in Rule::ALL {
            if let Some(count) = flags.count(rule) {
                add(format!("--keep-{rule}"), count.to_string());
            }
            if let Some(span) = flags.within(rule) {
                let flag = match rule {
                    Rule::Last => "--keep-within".to_owned(),
                    rule => format!("--keep-within-{rule}"),
                };
                add(flag, span.to_string());
            }
        }
        for tags in &self.keep_tag {
            add("--keep-tag".to_owned(), tags.clone());
        }
        if let Some(zone) = &self.timezone {
            add("--timezone".to_owned(), zone.clone());
        }
        if let Some(relative_to) = self.relative_to {
            add("--relative-to".to_owned(), relative_to.to_string());
        }
        Ok(Some(words))
    }

    fn replace(&self, policy: &mut Policy) {
        let counts = [
            (self.keep_last, &mut policy.keep_last),
            (self.keep_hourly, &mut policy.keep_hourly),
            (self.keep_daily, &mut policy.keep_daily),
            (self.keep_weekly, &mut policy.keep_weekly),
            (self.keep_monthly, &mut policy.keep_monthly),
            (self.keep_quarterly, &mut policy.keep_quarterly),
            (self.keep_yearly, &mut policy.keep_yearly),
        ];
        for (given, count) in counts {
            *count = given.or(*count);
        }
        let spans = [
            (self.keep_within, &mut policy.keep_within),
            (self.keep_within_hourly, &mut policy.keep_within_hourly),
            (self.keep_within_daily, &mut policy.keep_within_daily),
            (self.keep_within_weekly, &mut policy.keep_within_weekly),
            (self.keep_within_monthly, &mut policy.keep_within_monthly),
            (
                self.keep_within_quarterly,
                &mut policy.keep_within_quarterly,
            ),
            (self.keep_within_yearly, &mut policy.keep_within_yearly),
        ];
        for (given, span) in spans {
            *span = given.or(*span);
        }
        if !self.keep_tag.is_empty() {
            policy.keep_tag.clone_from(&self.keep_tag);
        }
        if let Some(zone) = &self.timezone {
            policy.timezone.clone_from(zone);
        }
        if let Some(relative_to) = self.relative_to {
            policy.relative_to = relative_to;
        }
    }
}
