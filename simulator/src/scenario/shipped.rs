//! The scenarios that the program comes with.

/// Names and texts, in the order of `firedrill scenario list`.
pub const SHIPPED: [(&str, &str); 2] = [
    (
        "ten-blocks",
        include_str!("../../../scenarios/ten-blocks.toml"),
    ),
    (
        "redundancy-in-a-regional-outage",
        include_str!("../../../scenarios/redundancy-in-a-regional-outage.toml"),
    ),
];

/// The text of a shipped scenario.
pub fn shipped(name: &str) -> Option<&'static str> {
    let found = SHIPPED.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text)
}
