//! Components of Azure Backup and Site Recovery as profiles: what each protects, where, how often, for how long.
//!
//! A profile is data (`scenarios/components/`), compiled into the program, in two editions: the documents of
//! 2017, and today's. `Component::admits` decides, purely, whether a component can do what is asked.
//!
//! ```
//! use simulator::component::{self, Ask, Edition, Place, Target, Workload};
//! use simulator::scenario::System;
//!
//! let mars = component::find("mars", Edition::Of2017).expect("a component");
//! let mut ask = Ask::new(Workload::Files, System::Windows, Place::OnPremises);
//! assert!(mars.admits(&ask).is_empty());
//! ask.wants.target = Some(Target::Tape);
//! assert!(mars.admits(&ask)[0].reason.starts_with("keeps nothing on tape"));
//! assert_eq!(mars.who_could(&ask)[0].name, "dpm");
//! ```

mod words;

mod ask;
mod profile;

mod admits;
mod limits;

use std::sync::LazyLock;

pub use admits::{Refusal, Statement};
pub use ask::{Ask, Wants};
pub use profile::{
    Abilities, Absence, ByWorkload, Cap, ChurnLimit, ChurnPlan, Component, Days, Deduplication,
    DiskChurn, Fact, Rule, Source, TargetProfile,
};
pub use words::{Consistency, Edition, Granularity, Hypervisor, Place, Status, Target, Workload};

/// A file of the folder that all live in.
macro_rules! embedded {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("../../../scenarios/components/", $name, ".toml")),
        )
    };
}

/// The files compiled in, by name, in the order in which people are shown them.
pub const FILES: [(&str, &str); 7] = [
    embedded!("mars"),
    embedded!("dpm"),
    embedded!("mabs"),
    embedded!("azure-vm-standard"),
    embedded!("azure-vm-enhanced"),
    embedded!("managed-disk-snapshot"),
    embedded!("site-recovery"),
];

static PROFILES: LazyLock<(Vec<Component>, Vec<Absence>)> = LazyLock::new(|| {
    let (mut components, mut absences) = (Vec::new(), Vec::new());
    for (name, text) in FILES {
        let file = profile::File::parse(name, text).expect("the profiles compiled in parse");
        let (has, lacks) = file.editions();
        components.extend(has);
        absences.extend(lacks);
    }
    (components, absences)
});

/// All components of an edition.
pub fn all(edition: Edition) -> impl Iterator<Item = &'static Component> {
    let components = PROFILES.0.iter();
    components.filter(move |component| component.edition == edition)
}

/// A component by its short name.
pub fn find(name: &str, edition: Edition) -> Option<&'static Component> {
    all(edition).find(|component| component.name == name)
}

/// The components that an edition lacks, each with the reason.
pub fn absent(edition: Edition) -> impl Iterator<Item = &'static Absence> {
    let absences = PROFILES.1.iter();
    absences.filter(move |absence| absence.edition == edition)
}

#[cfg(test)]
mod tests;
