//! Azure's documented counts and bills, and the textbook's intervals.

use engine::retention::site_recovery;
use engine::units::Timestamp;
use reports::PriceBook;
use simulator::statistics::{clopper_pearson, quantile_ranks, trials_to_show, wilson};

use crate::check::Check;

pub(crate) fn azure() -> Vec<Check> {
    let thinning = "Microsoft, Azure to Azure disaster recovery, common questions, 2025 (counted from its rules)";
    let points = |days: u32, theirs: f64| {
        let what = format!("Site Recovery, {days} days: points kept of one every 5 minutes");
        Check::exact(what, thinning, theirs, kept(days) as f64)
    };
    let book = PriceBook::default_book();
    let terms = book.soft_delete().expect("the book says what is free");
    let deleted = terms.deleted_days(60, 52);
    let soft_delete = "Microsoft, Secure by Default with Azure Backup, 2025";
    let fee = |what: &str, gigabytes: u64, theirs: f64| {
        let ours = book
            .instance_fee(gigabytes * 1_000_000_000)
            .map_or(0.0, |fee| fee.0);
        let source = "Microsoft, Azure Backup pricing and its announcement";
        Check::exact(
            format!("protected instance of {what}: USD a month"),
            source,
            theirs,
            ours,
        )
    };
    vec![
        points(0, 1.0),
        points(1, 46.0),
        points(3, 59.0),
        points(15, 155.0),
        Check::exact(
            "soft delete of 60 days, brought back on day 52: days billed",
            soft_delete,
            46.0,
            deleted.billed.into(),
        ),
        Check::exact("the same: days free", soft_delete, 6.0, deleted.free.into()),
        fee("17 + 30 + 0 = 47 GB", 47, 5.0),
        fee("500 GB", 500, 10.0),
        fee("2,000 GB", 2_000, 40.0),
    ]
}

fn kept(days: u32) -> usize {
    let newest = 472_000 * 3_600;
    let points: Vec<Timestamp> = (0..16 * 288)
        .map(|number| Timestamp {
            seconds: newest - number * 300,
            nanos: 0,
        })
        .collect();
    let kept = site_recovery(&points, days).expect("a retention that can be");
    kept.into_iter().filter(|kept| *kept).count()
}

pub(crate) fn statistics() -> Vec<Check> {
    let textbook = "textbook values";
    let printed =
        |what: &str, theirs: f64, ours: f64| Check::new(what, textbook, theirs, ours, 1e-3);
    let rank = |what: &str, theirs: f64, ours: Option<u64>| {
        Check::exact(
            what,
            "binomial ranks, by hand",
            theirs,
            ours.map_or(0.0, |rank| rank as f64),
        )
    };
    let trials = |limit: f64, theirs: f64| {
        let what = format!("trials without a hit that show p < {limit} at 95 %");
        rank(&what, theirs, trials_to_show(limit))
    };
    let (five, exact, few) = (
        wilson(5, 20),
        clopper_pearson(5, 20),
        clopper_pearson(3, 1000),
    );
    let ranks = quantile_ranks(1000, 0.99);
    vec![
        printed("Wilson, 5 of 20: lower end", 0.1119, five.low),
        printed("Wilson, 5 of 20: upper end", 0.4687, five.high),
        printed("Clopper and Pearson, 5 of 20: lower end", 0.0866, exact.low),
        printed(
            "Clopper and Pearson, 5 of 20: upper end",
            0.4910,
            exact.high,
        ),
        printed(
            "Clopper and Pearson, 3 of 1,000: lower end",
            0.000_619,
            few.low,
        ),
        printed(
            "Clopper and Pearson, 3 of 1,000: upper end",
            0.008_742,
            few.high,
        ),
        trials(0.05, 59.0),
        trials(1e-3, 2_995.0),
        trials(1e-4, 29_956.0),
        rank(
            "99 % quantile of 1,000 trials: lower rank",
            983.0,
            ranks.low,
        ),
        rank(
            "99 % quantile of 1,000 trials: upper rank",
            997.0,
            ranks.high,
        ),
        rank(
            "95 % quantile of 59 trials: upper rank (0 is no upper bound)",
            0.0,
            quantile_ranks(59, 0.95).high,
        ),
    ]
}
