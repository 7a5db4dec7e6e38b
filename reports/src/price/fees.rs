//! What the rules of billing make of prices: bands, free days and gigabytes, sizes in which disks are sold.

use super::priced::{Band, DiskKind, DiskSize, Priced, Way};
use super::{Price, PriceBook};
use crate::ReportError;

/// The bands of Azure Backup's protected instance, in gigabytes of the book.
const SMALL_GB_MAX: f64 = 50.0;
const MEDIUM_GB_MAX: f64 = 500.0;
/// Days of a month, on average.
const MONTH_DAYS: f64 = 365.25 / 12.0;

impl PriceBook {
    /// The monthly fee of one protected instance with `bytes` of data, and the prices that it is
    /// made of; `None` when the book charges no such fee.
    pub fn instance_fee(&self, bytes: u64) -> Option<(f64, Vec<&Price>)> {
        let band = |band| self.find(&Priced::Instance(band).id());
        let (small, medium) = (band(Band::Small)?, band(Band::Medium)?);
        let over = band(Band::Over)?;
        let gigabytes = self.gigabytes(bytes);
        Some(if gigabytes <= SMALL_GB_MAX {
            (small.value, vec![small])
        } else if gigabytes <= MEDIUM_GB_MAX {
            (medium.value, vec![medium])
        } else {
            // Started steps count whole, as the announcement and today's pricing page say.
            let steps = ((gigabytes - MEDIUM_GB_MAX) / MEDIUM_GB_MAX).ceil();
            (medium.value + steps * over.value, vec![medium, over])
        })
    }

    /// What `bytes` sent within one month cost, after those that are free in a month.
    ///
    /// # Errors
    /// [`ReportError::Unpriced`] when the book lacks the price.
    pub fn transfer_fee(&self, way: Way, bytes: u64) -> Result<(f64, &Price), ReportError> {
        let price = self.price(Priced::Transfer(way))?;
        let charged = self.gigabytes(bytes) - price.free_gigabytes.unwrap_or(0.0);
        Ok((charged.max(0.0) * price.value, price))
    }

    /// Site Recovery's licence for one instance from its first day of replication on for `days` days, after
    /// those that are free. To Azure, or to an own second site.
    ///
    /// # Errors
    /// [`ReportError::Unpriced`] when the book lacks the price.
    pub fn replication_fee(&self, to_azure: bool, days: u32) -> Result<(f64, &Price), ReportError> {
        let price = self.price(if to_azure {
            Priced::ReplicationToAzure
        } else {
            Priced::ReplicationToOwnSite
        })?;
        let charged = days.saturating_sub(price.free_days.unwrap_or(0));
        Ok((f64::from(charged) / MONTH_DAYS * price.value, price))
    }

    /// The monthly price of managed disks for `bytes`: the smallest size that holds them, of those that the book
    /// prices; where none does, so many of the largest.
    ///
    /// # Errors
    /// [`ReportError::Unpriced`] when the book prices no disk of that kind.
    pub fn disk_fee(&self, kind: DiskKind, bytes: u64) -> Result<(f64, &Price), ReportError> {
        let priced = DiskSize::ALL.into_iter().filter_map(|size| {
            let price = self.find(&Priced::Disk(kind, size).id())?;
            Some((size, price))
        });
        let priced: Vec<_> = priced.collect();
        let holds = priced.iter().find(|(size, _)| size.bytes() >= bytes);
        if let Some((_, price)) = holds {
            return Ok((price.value, price));
        }
        let Some((largest, price)) = priced.last() else {
            let first = DiskSize::ALL[0];
            return self
                .price(Priced::Disk(kind, first))
                .map(|price| (price.value, price));
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "a count of disks needs no more than 52 bits"
        )]
        let disks = bytes.div_ceil(largest.bytes()) as f64;
        Ok((disks * price.value, price))
    }

    /// Bytes in gigabytes of the book.
    pub fn gigabytes(&self, bytes: u64) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a size in GB needs no more than 52 bits"
        )]
        let bytes = bytes as f64;
        bytes / self.gigabyte_bytes()
    }
}
