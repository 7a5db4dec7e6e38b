//! What of a month's quantities is paid for, in the units of price books.
#![expect(
    clippy::cast_precision_loss,
    reason = "money begins here: 52 bits are plenty"
)]

use std::collections::BTreeMap;

use simulator::outcome::scenario::{Quantity, StrategyOutcome};
use simulator::scenario::{Redundancy as Kept, System, To};

use super::cost::Part;
use crate::{DiskKind, MachineSize, Price, PriceBook, Priced, Redundancy, ReportError, Tier, Way};

/// Hours of a month of 365.25/12 days.
const MONTH_HOURS: f64 = 730.5;
/// Requests that a price is for.
const REQUESTS: f64 = 10_000.0;
const TERABYTE: f64 = 1e12;
/// Bytes that one drive carries: the Import/Export service takes drives of up to 10 TB, and what is
/// written to them is formatted and encrypted.
const DRIVE_BYTES: u64 = 8_000_000_000_000;

/// Something that a month's bill has a line for.
pub(super) struct Usage<'a> {
    pub(super) month: u32,
    pub(super) part: Part,
    pub(super) what: String,
    pub(super) quantity: f64,
    pub(super) unit: &'static str,
    pub(super) price: f64,
    /// What the price is made of.
    pub(super) prices: Vec<&'a Price>,
}

/// Collects usages, and looks their prices up.
struct Meter<'a> {
    book: &'a PriceBook,
    month: u32,
    usages: Vec<Usage<'a>>,
}

impl Meter<'_> {
    /// Takes down what was used; what was not needs no price.
    fn take(
        &mut self,
        part: Part,
        what: &str,
        (quantity, unit): (f64, &'static str),
        priced: Priced,
    ) -> Result<(), ReportError> {
        if quantity > 0.0 {
            let price = self.book.price(priced)?;
            self.usages.push(Usage {
                month: self.month,
                part,
                what: what.to_owned(),
                quantity,
                unit,
                price: price.value,
                prices: vec![price],
            });
        }
        Ok(())
    }
}

/// What all trials used together.
pub(super) fn usages<'a>(
    strategy: &StrategyOutcome,
    book: &'a PriceBook,
) -> Result<Vec<Usage<'a>>, ReportError> {
    let mut quantities: Vec<&Quantity> = strategy.quantities.iter().collect();
    quantities.sort_by_key(|of| (of.month, of.copy));
    // An instance is charged once, however many vaults it is in.
    let vaults = quantities.iter().filter(|of| of.to == To::Vault);
    let charged = vaults.map(|of| of.copy).min();
    let mut meter = Meter {
        book,
        month: 0,
        usages: Vec::new(),
    };
    let mut tapes = BTreeMap::new();
    for of in quantities {
        meter.month = of.month;
        match of.to {
            To::Vault | To::Snapshot => cloud(&mut meter, of)?,
            To::Disk => disk(&mut meter, of)?,
            To::Replica => replica(&mut meter, of, strategy.trials)?,
            To::Tape => {
                let bought = tapes.entry(of.copy).or_default();
                tape(&mut meter, of, strategy.trials, bought)?;
            }
        }
        traffic(&mut meter, of)?;
        if Some(of.copy) == charged {
            fees(&mut meter, of);
        }
    }
    Ok(meter.usages)
}

/// Fees by the size of instances; a book without fees charges none.
fn fees(meter: &mut Meter<'_>, of: &Quantity) {
    for (bytes, hours) in &of.instance_hours {
        let Some((price, prices)) = meter.book.instance_fee(*bytes) else {
            continue;
        };
        let ids: Vec<&str> = prices.iter().map(|price| price.id.as_str()).collect();
        let name = |id: &str| id.trim_start_matches("instance.").replace('-', " ");
        meter.usages.push(Usage {
            month: of.month,
            part: Part::Instances,
            what: match ids[..] {
                [one] => format!("instances {}", name(one)),
                _ => format!("instances over 500gb, at {price}"),
            },
            quantity: *hours as f64 / MONTH_HOURS,
            unit: "instance-months",
            price,
            prices,
        });
    }
}

/// Bytes and requests of a vault or of snapshots.
fn cloud(meter: &mut Meter<'_>, of: &Quantity) -> Result<(), ReportError> {
    let redundancy = redundancy(of.redundancy);
    let (what, priced) = match of.to {
        To::Snapshot => ("snapshots".to_owned(), Priced::Snapshot),
        _ => (
            format!("vault, {}", redundancy.name().to_uppercase()),
            Priced::Vault(redundancy),
        ),
    };
    let kept = of.byte_hours.saturating_sub(of.deleted_byte_hours);
    let kept = gigabyte_months(meter, kept);
    let deleted = gigabyte_months(meter, of.deleted_byte_hours);
    meter.take(Part::Stored, &what, kept, priced)?;
    meter.take(Part::Deleted, &format!("{what}, deleted"), deleted, priced)?;
    if of.to == To::Snapshot {
        return Ok(());
    }
    // Books price writes of LRS and GRS; GRS is the dearest, and stands for all others.
    let writes = match redundancy {
        Redundancy::Lrs => Redundancy::Lrs,
        _ => Redundancy::Grs,
    };
    let requests = |requests: u64| (requests as f64 / REQUESTS, "10,000 requests");
    let writes = Priced::BlobWrites(Tier::Hot, writes);
    meter.take(
        Part::Operations,
        "writes and lists",
        requests(of.writes),
        writes,
    )?;
    let reads = Priced::BlobReads(Tier::Hot);
    meter.take(Part::Operations, "reads", requests(of.reads), reads)?;
    seeding(meter, of)
}

/// How a vault or snapshots are kept, as price books have it.
fn redundancy(kept: Kept) -> Redundancy {
    match kept {
        Kept::Lrs | Kept::Single => Redundancy::Lrs,
        Kept::Zrs => Redundancy::Zrs,
        Kept::Grs => Redundancy::Grs,
        Kept::RaGrs => Redundancy::RaGrs,
        Kept::Gzrs => Redundancy::Gzrs,
        Kept::RaGzrs => Redundancy::RaGzrs,
    }
}

fn gigabyte_months(meter: &Meter<'_>, byte_hours: u128) -> (f64, &'static str) {
    let gigabytes = byte_hours as f64 / meter.book.gigabyte_bytes() / MONTH_HOURS;
    (gigabytes, "GB-months")
}

/// A vault's courier brings its first point.
fn seeding(meter: &mut Meter<'_>, of: &Quantity) -> Result<(), ReportError> {
    if of.courier_trips == 0 {
        return Ok(());
    }
    let trips = of.courier_trips as f64;
    let drives = of.put_bytes.div_ceil(DRIVE_BYTES).max(of.courier_trips) as f64;
    meter.take(Part::Seeding, "courier", (trips, "trips"), Priced::Courier)?;
    let (what, drives) = ("drives imported", (drives, "drives"));
    meter.take(Part::Seeding, what, drives, Priced::SeedingDrive)
}

fn disk(meter: &mut Meter<'_>, of: &Quantity) -> Result<(), ReportError> {
    let kept = gigabyte_months(meter, of.byte_hours);
    meter.take(Part::Disk, "disk on site", kept, Priced::SiteDisk)
}

/// Disks that follow, their history, and a licence for each instance; the days that are free for each instance come off
/// the first month.
fn replica(meter: &mut Meter<'_>, of: &Quantity, trials: u32) -> Result<(), ReportError> {
    let to_azure = of.redundancy != Kept::Single;
    let licence = if to_azure {
        Priced::ReplicationToAzure
    } else {
        Priced::ReplicationToOwnSite
    };
    let free_days = meter.book.price(licence)?.free_days.unwrap_or(0);
    let month = f64::from(of.month);
    let free = (f64::from(free_days) * 24.0 - month * MONTH_HOURS).clamp(0.0, MONTH_HOURS);
    let hours: u64 = of.instance_hours.iter().map(|(_, hours)| hours).sum();
    let instances = hours as f64 / f64::from(trials.max(1)) / MONTH_HOURS;
    let charged = (instances * (1.0 - free / MONTH_HOURS)).max(0.0) * f64::from(trials);
    let months = (charged, "instance-months");
    meter.take(
        Part::Licences,
        "replication of an instance",
        months,
        licence,
    )?;
    let kept = gigabyte_months(meter, of.byte_hours);
    if !to_azure {
        let disks: u128 = of
            .instance_hours
            .iter()
            .map(|(bytes, hours)| u128::from(*bytes) * u128::from(*hours))
            .sum();
        let disks = gigabyte_months(meter, disks);
        meter.take(
            Part::Replica,
            "replica's disks on site",
            disks,
            Priced::SiteDisk,
        )?;
        return meter.take(
            Part::Replica,
            "replica's history on site",
            kept,
            Priced::SiteDisk,
        );
    }
    for (bytes, hours) in &of.instance_hours {
        let (price, used) = meter.book.disk_fee(DiskKind::StandardHdd, *bytes)?;
        meter.usages.push(Usage {
            month: of.month,
            part: Part::Replica,
            what: format!("replica's disks of {}", crate::units::bytes(*bytes)),
            quantity: *hours as f64 / MONTH_HOURS,
            unit: "disk-months",
            price,
            prices: vec![used],
        });
    }
    meter.take(Part::Replica, "replica's history", kept, Priced::Snapshot)
}

/// Tapes are bought when more is stored than ever before; `bought` is that.
fn tape(
    meter: &mut Meter<'_>,
    of: &Quantity,
    trials: u32,
    bought: &mut f64,
) -> Result<(), ReportError> {
    if of.byte_hours > 0 {
        let months = (f64::from(trials), "months");
        meter.take(Part::Tape, "tape library", months, Priced::TapeLibrary)?;
    }
    let terabytes = of.byte_hours as f64 / TERABYTE / MONTH_HOURS;
    let more = (terabytes - *bought).max(0.0);
    *bought += more;
    meter.take(Part::Tape, "tapes bought", (more, "TB"), Priced::TapeMedia)?;
    let trips = (of.courier_trips as f64, "trips");
    meter.take(Part::Courier, "tapes carried", trips, Priced::Courier)
}

fn traffic(meter: &mut Meter<'_>, of: &Quantity) -> Result<(), ReportError> {
    let between = of.crossed_bytes.saturating_sub(of.out_bytes);
    let between = between.saturating_sub(of.in_bytes);
    for (part, what, bytes, way) in [
        (
            Part::Transfer,
            "between regions",
            between,
            Way::EuropeNorthAmerica,
        ),
        (
            Part::Transfer,
            "out of a region to a site",
            of.out_bytes,
            Way::InternetOut,
        ),
        (Part::Transfer, "into a region", of.in_bytes, Way::In),
        (
            Part::GeoReplication,
            "copied to the second region",
            of.geo_bytes,
            Way::GeoReplication,
        ),
    ] {
        let gigabytes = (meter.book.gigabytes(bytes), "GB");
        meter.take(part, what, gigabytes, Priced::Transfer(way))?;
    }
    let hours = (of.standby_hours as f64, "machine-hours");
    let machine = Priced::Machine(MachineSize::D8sV3, System::Windows);
    meter.take(Part::Standby, "machines that stand in", hours, machine)
}
