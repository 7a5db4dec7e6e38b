//! The plan as a workbook: numbers that a spreadsheet can go on with.
#![expect(
    clippy::cast_precision_loss,
    reason = "spreadsheets count in fractions"
)]

use std::path::Path;

use rust_xlsxwriter::{Chart, ChartType, Format, Workbook, Worksheet, XlsxError};
use simulator::forecast::CAUSES;

use super::document::{ForecastDocument, PolicyDocument};
use super::words;
use crate::ReportError;
use crate::export::whole;

/// Letters of a sheet's name at most, as Excel has it.
const NAME_MAX: usize = 31;
const GIB: f64 = 1_073_741_824.0;

/// Writes `plan.xlsx`.
pub(super) fn write(document: &ForecastDocument, out: &Path) -> Result<(), ReportError> {
    let bytes = workbook(document).map_err(|error| ReportError::Make {
        file: "plan.xlsx",
        message: error.to_string(),
    })?;
    whole(out, "plan.xlsx", &bytes)
}

/// How cells look.
struct Looks {
    head: Format,
    size: Format,
    money: Format,
    text: Format,
}

fn workbook(document: &ForecastDocument) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let looks = Looks {
        head: Format::new().set_bold().set_text_wrap(),
        size: Format::new().set_num_format("#,##0.00"),
        money: Format::new().set_num_format("#,##0.00"),
        text: Format::new().set_text_wrap(),
    };
    summary(book.add_worksheet(), document, &looks)?;
    for (number, policy) in document.policies.iter().enumerate() {
        months(book.add_worksheet(), document, policy, (number, &looks))?;
    }
    prices(book.add_worksheet(), document, &looks)?;
    book.save_to_buffer()
}

fn heads(
    sheet: &mut Worksheet,
    row: u32,
    heads: &[String],
    looks: &Looks,
) -> Result<(), XlsxError> {
    for (column, head) in (0_u16..).zip(heads) {
        sheet.write_with_format(row, column, head, &looks.head)?;
    }
    Ok(())
}

fn summary(
    sheet: &mut Worksheet,
    document: &ForecastDocument,
    looks: &Looks,
) -> Result<(), XlsxError> {
    sheet.set_name("Summary")?.set_column_width(0, 44)?;
    sheet.set_column_range_width(1, 20, 16)?;
    sheet.write_with_format(
        0,
        0,
        format!("Retention plan: {}", document.subject),
        &looks.head,
    )?;
    sheet.write(
        1,
        0,
        format!("Made {} with: {}", document.started_at, document.command),
    )?;
    let mut row = 3;
    let names = [
        "policy",
        "convention",
        "points",
        "reaches back, days",
        "stored, GiB",
        "peak, GiB",
    ];
    let mut names: Vec<String> = names.map(str::to_owned).into();
    for redundancy in &document.redundancies {
        let name = redundancy.name().to_uppercase();
        names.push(format!("{name} a month, {}", document.currency));
        names.push(format!("{name} all months, {}", document.currency));
    }
    heads(sheet, row, &names, looks)?;
    for policy in &document.policies {
        let Some(end) = policy.end() else { continue };
        row += 1;
        sheet.write(row, 0, &policy.name)?;
        sheet.write(row, 1, &policy.convention)?;
        sheet.write(row, 2, end.month.points as f64)?;
        sheet.write(row, 3, (policy.oldest_seconds / 86_400) as f64)?;
        let sizes = [end.month.stored_bytes, words::peak(policy)];
        for (column, bytes) in (4..).zip(sizes) {
            sheet.write_with_format(row, column, bytes as f64 / GIB, &looks.size)?;
        }
        let sums = end.costs.iter().zip(&policy.total);
        let sums = sums.flat_map(|(month, total)| [month.all, total.all]);
        for (column, sum) in (6..).zip(sums) {
            sheet.write_with_format(row, column, sum, &looks.money)?;
        }
    }
    let mut lines: Vec<String> = Vec::new();
    for policy in &document.policies {
        lines.push(format!("{}: {}", policy.title(), policy.policy));
        lines.extend(words::answer(document, policy));
        lines.push(words::trust(document, policy));
    }
    lines.extend(words::basis(document));
    lines.push(words::pricing(document));
    row += 2;
    for line in lines {
        sheet.merge_range(row, 0, row, 9, &line, &looks.text)?;
        sheet.set_row_height(row, 32)?;
        row += 1;
    }
    Ok(())
}

fn months(
    sheet: &mut Worksheet,
    document: &ForecastDocument,
    policy: &PolicyDocument,
    (number, looks): (usize, &Looks),
) -> Result<(), XlsxError> {
    let name = sheet_name(number, &policy.title());
    sheet.set_name(&name)?.set_freeze_panes(1, 1)?;
    let names = [
        "month",
        "points",
        "deleted points",
        "needed, GiB",
        "deleted, GiB",
        "unused, GiB",
        "stored, GiB",
        "low, GiB",
        "high, GiB",
        "peak, GiB",
        "charged, GiB",
    ];
    let mut names: Vec<String> = names.map(str::to_owned).into();
    names.extend(CAUSES.iter().map(|cause| cause.name().to_owned()));
    for redundancy in &document.redundancies {
        names.push(format!(
            "{}, {}",
            redundancy.name().to_uppercase(),
            document.currency
        ));
    }
    heads(sheet, 0, &names, looks)?;
    for (row, month) in (1..).zip(&policy.months) {
        let of = &month.month;
        sheet.write(row, 0, &of.month)?;
        sheet.write(row, 1, of.points as f64)?;
        sheet.write(row, 2, of.soft_deleted_points as f64)?;
        let sizes = [
            of.kept_bytes,
            of.soft_deleted_bytes,
            of.unused_bytes,
            of.stored_bytes,
            of.low_bytes,
            of.high_bytes,
            of.peak_bytes,
            of.billed_bytes,
        ];
        for (column, bytes) in (3..).zip(sizes) {
            sheet.write_with_format(row, column, bytes as f64 / GIB, &looks.size)?;
        }
        for (column, cause) in (11..).zip(CAUSES) {
            let found = of.reasons.iter().find(|(known, _)| *known == cause);
            sheet.write(row, column, found.map_or(0, |(_, points)| *points) as f64)?;
        }
        for (column, cost) in (21..).zip(&month.costs) {
            sheet.write_with_format(row, column, cost.all, &looks.money)?;
        }
    }
    let last = u32::try_from(policy.months.len()).unwrap_or(u32::MAX);
    let mut chart = Chart::new(ChartType::Line);
    for (column, title) in [(6, "stored"), (9, "peak")] {
        let series = chart.add_series();
        series.set_name(title);
        series.set_categories((name.as_str(), 1, 0, last, 0));
        series.set_values((name.as_str(), 1, column, last, column));
    }
    chart.title().set_name("Stored, GiB");
    sheet.insert_chart(last + 2, 1, &chart)?;
    Ok(())
}

fn prices(
    sheet: &mut Worksheet,
    document: &ForecastDocument,
    looks: &Looks,
) -> Result<(), XlsxError> {
    sheet.set_name("Prices")?.set_column_range_width(0, 7, 24)?;
    let names = [
        "price", "value", "unit", "region", "date", "status", "source", "where",
    ];
    heads(sheet, 0, &names.map(str::to_owned), looks)?;
    for (row, price) in (1..).zip(&document.prices) {
        sheet.write(row, 0, &price.id)?;
        sheet.write(row, 1, price.value)?;
        let status = price.status.to_string();
        let texts = [
            &price.unit,
            &price.region,
            &price.date,
            &status,
            &price.source.title,
            &price.source.place,
        ];
        for (column, text) in (2..).zip(texts) {
            sheet.write(row, column, text)?;
        }
    }
    Ok(())
}

/// A name that Excel takes: without its forbidden signs, short, and not twice.
fn sheet_name(number: usize, title: &str) -> String {
    let plain = title
        .chars()
        .map(|c| if "[]:*?/\\'".contains(c) { '-' } else { c });
    let name = format!("{} {}", number + 1, plain.collect::<String>());
    name.chars().take(NAME_MAX).collect()
}
