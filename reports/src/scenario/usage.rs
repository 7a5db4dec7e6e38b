//! What of a month's quantities is paid for, in the units of price books.
#![expect(
    clippy::cast_precision_loss,
    reason = "money begins here: 52 bits are plenty"
)]

use std::collections::BTreeMap;

use simulator::outcome::scenario::{Quantity, StrategyOutcome};
use simulator::scenario::To;

use super::cost::Part;
use crate::{Price, PriceBook, ReportError};

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
        id: &str,
    ) -> Result<(), ReportError> {
        if quantity > 0.0 {
            let price = self.book.price(id)?;
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
    let redundancy = of.redundancy.name();
    let (what, id) = match of.to {
        To::Snapshot => ("snapshots".to_owned(), "snapshot.gb".to_owned()),
        _ => (
            format!("vault, {}", redundancy.to_uppercase()),
            format!("vault.{redundancy}"),
        ),
    };
    let kept = of.byte_hours.saturating_sub(of.deleted_byte_hours);
    let months = |byte_hours: u128| {
        let gigabytes = byte_hours as f64 / meter.book.gigabyte_bytes() / MONTH_HOURS;
        (gigabytes, "GB-months")
    };
    let (kept, deleted) = (months(kept), months(of.deleted_byte_hours));
    meter.take(Part::Stored, &what, kept, &id)?;
    meter.take(Part::Deleted, &format!("{what}, deleted"), deleted, &id)?;
    if of.to == To::Snapshot {
        return Ok(());
    }
    let ten_thousand = |requests: u64| (requests as f64 / REQUESTS, "10,000 requests");
    let writes = if of.redundancy.is_geo() {
        "geo"
    } else {
        "local"
    };
    meter.take(
        Part::Operations,
        "writes and lists",
        ten_thousand(of.writes),
        &format!("operations.write.{writes}"),
    )?;
    meter.take(
        Part::Operations,
        "reads",
        ten_thousand(of.reads),
        "operations.read",
    )?;
    seeding(meter, of)
}

/// A vault's courier brings its first point.
fn seeding(meter: &mut Meter<'_>, of: &Quantity) -> Result<(), ReportError> {
    if of.courier_trips == 0 {
        return Ok(());
    }
    let trips = of.courier_trips as f64;
    let drives = of.put_bytes.div_ceil(DRIVE_BYTES).max(of.courier_trips) as f64;
    meter.take(Part::Seeding, "courier", (trips, "trips"), "courier.trip")?;
    let id = "import-export.drive";
    meter.take(Part::Seeding, "drives imported", (drives, "drives"), id)
}

fn disk(meter: &mut Meter<'_>, of: &Quantity) -> Result<(), ReportError> {
    let gigabytes = of.byte_hours as f64 / meter.book.gigabyte_bytes() / MONTH_HOURS;
    meter.take(
        Part::Disk,
        "disk on site",
        (gigabytes, "GB-months"),
        "disk.gb",
    )
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
        meter.take(Part::Tape, "tape library", months, "tape.library")?;
    }
    let terabytes = of.byte_hours as f64 / TERABYTE / MONTH_HOURS;
    let more = (terabytes - *bought).max(0.0);
    *bought += more;
    meter.take(Part::Tape, "tapes bought", (more, "TB"), "tape.tb")?;
    let trips = of.courier_trips as f64;
    meter.take(
        Part::Courier,
        "tapes carried",
        (trips, "trips"),
        "courier.trip",
    )
}

fn traffic(meter: &mut Meter<'_>, of: &Quantity) -> Result<(), ReportError> {
    let gigabytes = |bytes: u64| (bytes as f64 / meter.book.gigabyte_bytes(), "GB");
    let between = of.crossed_bytes.saturating_sub(of.out_bytes);
    let between = gigabytes(between.saturating_sub(of.in_bytes));
    let (out, inward, geo) = (
        gigabytes(of.out_bytes),
        gigabytes(of.in_bytes),
        gigabytes(of.geo_bytes),
    );
    let hours = (of.standby_hours as f64, "machine-hours");
    meter.take(
        Part::Transfer,
        "between regions",
        between,
        "transfer.between-regions",
    )?;
    meter.take(
        Part::Transfer,
        "out of a region to a site",
        out,
        "transfer.out",
    )?;
    meter.take(Part::Transfer, "into a region", inward, "transfer.in")?;
    meter.take(
        Part::GeoReplication,
        "copied to the second region",
        geo,
        "transfer.geo-replication",
    )?;
    meter.take(
        Part::Standby,
        "machines that stand in",
        hours,
        "machine.hour",
    )
}
