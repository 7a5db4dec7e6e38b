//! Everything that a price book can price, and the id of each in its file.

use simulator::scenario::System;

use crate::Redundancy;

/// What a price is of. The unit is in its comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priced {
    /// A gigabyte in a vault for a month.
    Vault(Redundancy),
    /// A gigabyte in a vault's archive tier for a month; LRS or GRS.
    VaultArchive(Redundancy),
    /// A gigabyte of a managed disk's snapshots for a month.
    Snapshot,
    /// The monthly fee of a protected instance by the size of its data.
    Instance(Band),
    /// A gigabyte of blobs for a month.
    Blob(Tier, Redundancy),
    /// Ten thousand writes of blobs.
    BlobWrites(Tier, Redundancy),
    /// Ten thousand reads of blobs.
    BlobReads(Tier),
    /// A gigabyte read from blobs of the cool tier.
    BlobRetrieval,
    /// A gigabyte sent.
    Transfer(Way),
    /// Site Recovery's licence for an instance and month, to Azure.
    ReplicationToAzure,
    /// The same to an own second site.
    ReplicationToOwnSite,
    /// A managed disk for a month.
    Disk(DiskKind, DiskSize),
    /// Ten thousand operations of a managed disk.
    DiskOperations,
    /// A virtual machine for an hour.
    Machine(MachineSize, System),
    /// A drive handled by Import/Export.
    SeedingDrive,
    /// A gigabyte on disks of an own site for a month.
    SiteDisk,
    /// A terabyte of tape, bought once.
    TapeMedia,
    /// A tape library for a month.
    TapeLibrary,
    /// A courier's trip.
    Courier,
}

/// The bands of a protected instance's fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Band {
    /// Up to 50 GB.
    Small,
    /// Up to 500 GB.
    Medium,
    /// Each started 500 GB beyond.
    Over,
}

/// An access tier of blobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Read often.
    Hot,
    /// Read seldom.
    Cool,
}

/// Where bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From a geo-redundant store to its second region.
    GeoReplication,
    /// Between regions of Europe and North America.
    EuropeNorthAmerica,
    /// Between regions of Asia, the Middle East and Africa.
    AsiaMiddleEastAfrica,
    /// Between regions of South America.
    SouthAmerica,
    /// Out to the internet.
    InternetOut,
    /// Into a region.
    In,
}

/// What a managed disk is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskKind {
    /// Premium SSD.
    PremiumSsd,
    /// Standard SSD.
    StandardSsd,
    /// Standard HDD.
    StandardHdd,
}

/// A size in which managed disks are sold: the number in its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSize {
    number: u8,
    gibibytes: u64,
}

/// A size of virtual machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineSize {
    /// 2 cores, 8 GiB.
    D2sV3,
    /// 8 cores, 32 GiB.
    D8sV3,
    /// 8 cores, 64 GiB.
    E8sV3,
}

impl DiskSize {
    /// All that are sold, ascending: a disk is billed as the smallest that holds it.
    pub const ALL: [Self; 11] = [
        Self::new(4, 32),
        Self::new(6, 64),
        Self::new(10, 128),
        Self::new(15, 256),
        Self::new(20, 512),
        Self::new(30, 1024),
        Self::new(40, 2048),
        Self::new(50, 4096),
        Self::new(60, 8192),
        Self::new(70, 16_384),
        Self::new(80, 32_767),
    ];

    const fn new(number: u8, gibibytes: u64) -> Self {
        Self { number, gibibytes }
    }

    /// Bytes that it holds.
    pub fn bytes(self) -> u64 {
        self.gibibytes << 30
    }
}

impl Priced {
    /// Everything, in the order of the reference.
    pub(super) fn all() -> Vec<Self> {
        use Redundancy::{Grs, Lrs};
        let tiers = [Tier::Hot, Tier::Cool];
        let kinds = [
            DiskKind::PremiumSsd,
            DiskKind::StandardSsd,
            DiskKind::StandardHdd,
        ];
        let machines = [MachineSize::D2sV3, MachineSize::D8sV3, MachineSize::E8sV3];
        let ways = [
            Way::GeoReplication,
            Way::EuropeNorthAmerica,
            Way::AsiaMiddleEastAfrica,
            Way::SouthAmerica,
            Way::InternetOut,
            Way::In,
        ];
        let mut all: Vec<Self> = Redundancy::ALL.map(Self::Vault).into();
        all.extend([
            Self::VaultArchive(Lrs),
            Self::VaultArchive(Grs),
            Self::Snapshot,
        ]);
        all.extend([Band::Small, Band::Medium, Band::Over].map(Self::Instance));
        for tier in tiers {
            all.extend(Redundancy::ALL.map(|redundancy| Self::Blob(tier, redundancy)));
            all.extend(Redundancy::ALL.map(|redundancy| Self::BlobWrites(tier, redundancy)));
            all.push(Self::BlobReads(tier));
        }
        all.push(Self::BlobRetrieval);
        all.extend(ways.map(Self::Transfer));
        all.extend([Self::ReplicationToAzure, Self::ReplicationToOwnSite]);
        for kind in kinds {
            all.extend(DiskSize::ALL.map(|size| Self::Disk(kind, size)));
        }
        all.push(Self::DiskOperations);
        for machine in machines {
            all.extend([System::Linux, System::Windows].map(|on| Self::Machine(machine, on)));
        }
        all.extend([Self::SeedingDrive, Self::SiteDisk, Self::TapeMedia]);
        all.extend([Self::TapeLibrary, Self::Courier]);
        all
    }

    /// Its id in a book.
    pub fn id(self) -> String {
        match self {
            Self::Vault(redundancy) => format!("vault.{redundancy}"),
            Self::VaultArchive(redundancy) => format!("vault-archive.{redundancy}"),
            Self::Snapshot => "snapshot".to_owned(),
            Self::Instance(band) => format!("instance.{}", band.name()),
            Self::Blob(tier, redundancy) => format!("blob.{}.{redundancy}", tier.name()),
            Self::BlobWrites(tier, redundancy) => {
                format!("blob.{}.writes.{redundancy}", tier.name())
            }
            Self::BlobReads(tier) => format!("blob.{}.reads", tier.name()),
            Self::BlobRetrieval => "blob.cool.retrieval".to_owned(),
            Self::Transfer(way) => format!("transfer.{}", way.name()),
            Self::ReplicationToAzure => "replication.to-azure".to_owned(),
            Self::ReplicationToOwnSite => "replication.to-own-site".to_owned(),
            Self::Disk(kind, size) => format!("disk.{}{}", kind.letter(), size.number),
            Self::DiskOperations => "disk.operations".to_owned(),
            Self::Machine(size, System::Linux) => format!("machine.{}.linux", size.name()),
            Self::Machine(size, System::Windows) => format!("machine.{}.windows", size.name()),
            Self::SeedingDrive => "seeding.drive".to_owned(),
            Self::SiteDisk => "site.disk".to_owned(),
            Self::TapeMedia => "tape.media".to_owned(),
            Self::TapeLibrary => "tape.library".to_owned(),
            Self::Courier => "courier.trip".to_owned(),
        }
    }
}

/// What stands before the first full stop: prices of the same kind share it.
pub(super) fn family(id: &str) -> &str {
    id.split('.').next().unwrap_or(id)
}

impl Band {
    fn name(self) -> &'static str {
        match self {
            Self::Small => "up-to-50gb",
            Self::Medium => "up-to-500gb",
            Self::Over => "each-500gb-over",
        }
    }
}

impl Tier {
    fn name(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Cool => "cool",
        }
    }
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::GeoReplication => "geo-replication",
            Self::EuropeNorthAmerica => "europe-north-america",
            Self::AsiaMiddleEastAfrica => "asia-middle-east-africa",
            Self::SouthAmerica => "south-america",
            Self::InternetOut => "internet-out",
            Self::In => "in",
        }
    }
}

impl DiskKind {
    fn letter(self) -> char {
        match self {
            Self::PremiumSsd => 'p',
            Self::StandardSsd => 'e',
            Self::StandardHdd => 's',
        }
    }
}

impl MachineSize {
    fn name(self) -> &'static str {
        match self {
            Self::D2sV3 => "d2s-v3",
            Self::D8sV3 => "d8s-v3",
            Self::E8sV3 => "e8s-v3",
        }
    }
}
