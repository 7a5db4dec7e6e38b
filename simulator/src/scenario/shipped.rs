//! The scenarios that the program comes with.

/// A file of the folder that all live in.
macro_rules! embedded {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("../../../scenarios/", $name, ".toml")),
        )
    };
}

/// Names and texts, in the order in which people are shown them.
pub const SHIPPED: [(&str, &str); 12] = [
    embedded!("ten-blocks"),
    embedded!("methods-over-a-year"),
    embedded!("redundancy-in-a-regional-outage"),
    embedded!("datacenter-fire"),
    embedded!("restore-storm"),
    embedded!("ransomware-after-nine-days"),
    embedded!("soft-delete-saves-the-day"),
    embedded!("tape-disk-cloud"),
    embedded!("offline-seeding"),
    embedded!("ten-years-of-retention"),
    embedded!("backup-versus-site-recovery"),
    embedded!("ransomware-and-site-recovery"),
];

/// The text of a shipped scenario.
pub fn shipped(name: &str) -> Option<&'static str> {
    let found = SHIPPED.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text)
}
