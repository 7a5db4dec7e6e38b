//! The words in which components are described and asked for: in files, flags and answers the same.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::scenario::{self, PlaceKind, System, To};

/// Enumerations whose members have one name in files, flags and JSON, and one for sentences.
macro_rules! words {
    ($($(#[$doc:meta])* $type:ident, $what:literal { $($(#[$of:meta])* $member:ident $name:literal $text:literal)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $type {
            $($(#[$of])* #[serde(rename = $name)] $member),*
        }

        impl $type {
            /// All, in the order in which people are shown them.
            pub const ALL: &[Self] = &[$(Self::$member),*];

            /// The name in files, flags and JSON.
            pub fn name(self) -> &'static str {
                match self { $(Self::$member => $name),* }
            }

            /// The words in a sentence.
            pub fn text(self) -> &'static str {
                match self { $(Self::$member => $text),* }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let found = Self::ALL.iter().find(|word| word.name() == text);
                found.copied().ok_or_else(|| {
                    let known: Vec<_> = Self::ALL.iter().map(|word| word.name()).collect();
                    format!("unknown {} '{text}': choose {}", $what, known.join(", "))
                })
            }
        }
    )*};
}

words! {
    /// Which documents a profile follows.
    Edition, "edition" {
        /// The overview of June 2017, and documents of its time.
        Of2017 "2017" "the documents of 2017"
        /// The newest documents that could be read.
        Current "current" "today's documents"
    }

    /// What is to be protected.
    Workload, "workload" {
        /// Single files.
        Files "files" "files"
        /// Folders.
        Folders "folders" "folders"
        /// Whole volumes.
        Volumes "volumes" "volumes"
        /// The operating system's own state.
        SystemState "system-state" "system state"
        /// A virtual machine, whole.
        Vm "vm" "virtual machines"
        /// A machine, whole, physical or virtual.
        Machine "machine" "whole machines"
        /// Disks of a virtual machine.
        Disk "disk" "disks of virtual machines"
        /// Microsoft SQL Server's databases.
        Sql "sql" "SQL Server"
        /// Microsoft Exchange.
        Exchange "exchange" "Exchange"
        /// Microsoft's `SharePoint`.
        SharePoint "sharepoint" "SharePoint"
        /// Oracle's databases.
        Oracle "oracle" "Oracle"
    }

    /// Where that is.
    Place, "place" {
        /// In a region of Azure.
        Azure "azure" "in Azure"
        /// On the owner's own site.
        OnPremises "on-premises" "on-premises"
    }

    /// What a machine on the owner's site runs on.
    Hypervisor, "hypervisor" {
        /// Hyper-V.
        HyperV "hyper-v" "Hyper-V"
        /// `VMware`'s.
        Vmware "vmware" "VMware"
        /// None: the machine itself.
        Physical "physical" "physical machines"
    }

    /// What points are kept on.
    Target, "target" {
        /// A vault in Azure.
        Vault "vault" "in the vault"
        /// Disk of the backup server.
        Disk "disk" "on the backup server's disk"
        /// Tape.
        Tape "tape" "on tape"
        /// Snapshots beside the source's own disks.
        Snapshot "snapshot" "as snapshots beside the source"
        /// Another site's disk, kept behind the source by replication.
        Replica "replica" "as points of a replica on another site"
    }

    /// The smallest thing that can be brought back alone.
    Granularity, "granularity" {
        /// A file.
        File "file" "single files"
        /// A folder.
        Folder "folder" "folders"
        /// A volume.
        Volume "volume" "volumes"
        /// System state.
        SystemState "system-state" "system state"
        /// A mail, a document of a site.
        Item "item" "single items"
        /// A database.
        Database "database" "databases"
        /// A disk.
        Disk "disk" "disks"
        /// The machine.
        Machine "machine" "whole machines"
    }

    /// How much applications know of a point.
    Consistency, "consistency" {
        /// As after a power cut.
        Crash "crash" "crash-consistent"
        /// The file system was quiet.
        File "file" "file-consistent"
        /// Applications had written all that they held.
        Application "application" "application-consistent"
    }

    /// How well a value is known.
    Status, "status" {
        /// Read in the source.
        Verified "verified" "verified"
        /// Follows from what was read.
        Derived "derived" "derived"
        /// From memory or a weak source.
        Unverified "unverified" "unverified"
        /// A judgement.
        Estimate "estimate" "estimate"
    }
}

/// The name of an operating system, in files and flags.
pub(super) fn system_text(system: System) -> &'static str {
    match system {
        System::Windows => "Windows",
        System::Linux => "Linux",
    }
}

impl From<scenario::Workload> for Workload {
    fn from(workload: scenario::Workload) -> Self {
        match workload {
            scenario::Workload::Files => Self::Files,
            scenario::Workload::Vm => Self::Vm,
            scenario::Workload::Sql => Self::Sql,
            scenario::Workload::Exchange => Self::Exchange,
            scenario::Workload::SharePoint => Self::SharePoint,
            scenario::Workload::Oracle => Self::Oracle,
            scenario::Workload::Disk => Self::Disk,
        }
    }
}

impl From<PlaceKind> for Place {
    fn from(kind: PlaceKind) -> Self {
        match kind {
            PlaceKind::Region => Self::Azure,
            PlaceKind::OnPremises => Self::OnPremises,
        }
    }
}

impl From<To> for Target {
    fn from(to: To) -> Self {
        match to {
            To::Vault => Self::Vault,
            To::Snapshot => Self::Snapshot,
            To::Disk => Self::Disk,
            To::Tape => Self::Tape,
            To::Replica => Self::Replica,
        }
    }
}
