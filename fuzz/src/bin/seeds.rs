//! Writes what each target begins with to `corpus/`: objects of the committed vault, sealed and
//! opened, and the files that the project comes with. A target itself, so that nothing is built twice:
//! `cargo fuzz run --sanitizer none seeds -- -runs=0`.
#![no_main]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use engine::format::layout::Kind;
use engine::ids::ObjectId;
use engine::seal::{compress_into, open_object};
use fuzz::{fixture, keys};
use libfuzzer_sys::fuzz_target;

/// By target, what it begins with.
type Seeds = BTreeMap<&'static str, Vec<Vec<u8>>>;

/// Longer seeds only slow the fuzzer down.
const SEED_BYTES_MAX: usize = 16 << 10;

fuzz_target!(init: write(), |_data: &[u8]| {});

fn write() {
    let mut seeds = Seeds::new();
    plain(&mut seeds);
    nbd(&mut seeds);
    replication(&mut seeds);
    for (number, (folder, kind, target)) in KINDS.iter().enumerate() {
        sealed(folder, *kind, target, number as u8, &mut seeds);
    }
    packs(&mut seeds);
    texts(&mut seeds);
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (target, seeds) in seeds {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder).expect("the folder of a corpus");
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed).expect("a seed");
        }
    }
}

/// Folders of the vault in the order in which the target `object` numbers their kinds.
const KINDS: [(&str, Kind, &str); 6] = [
    ("index", Kind::Index, "index"),
    ("points", Kind::Point, "manifest"),
    ("leases", Kind::Lease, "lease"),
    ("tombstones", Kind::Tombstone, "tombstone"),
    ("deleted", Kind::Deletion, "deletion"),
    ("drills", Kind::Drill, "drill"),
];

/// The objects of a folder of the committed vault.
fn objects(folder: &str) -> Vec<(ObjectId, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(fixture().join(folder)) else {
        return Vec::new();
    };
    let mut objects: Vec<_> = entries
        .flatten()
        .map(|entry| {
            let name = entry.file_name().into_string().expect("a plain name");
            let bytes = fs::read(entry.path()).expect("an object");
            (name.parse().expect("an id"), bytes)
        })
        .collect();
    objects.sort();
    objects
}

fn plain(seeds: &mut Seeds) {
    let header = fs::read(fixture().join("vault")).expect("the header");
    let body = header[..header.len() - 16].to_vec();
    seeds.insert("header", vec![header, body]);
    for (_, slot) in objects("keys") {
        let body = slot[..slot.len() - 16].to_vec();
        seeds.insert("keyslot", vec![slot, body]);
    }
    let mut packed = 5000_u32.to_le_bytes().to_vec();
    compress_into(&b"a page of text. ".repeat(400)[..5000], &mut packed);
    seeds.insert("decompress", vec![packed]);
    let lease = engine::format::lease::Lease {
        purpose: engine::format::lease::Purpose::Write,
        holder: "alpha (7)".to_owned(),
        since: engine::units::Timestamp {
            seconds: 1_764_000_000,
            nanos: 0,
        },
    };
    seeds.insert("lease", vec![engine::format::lease::write(&lease)]);
    let secrets = engine::format::keyslot::KeyringSecrets {
        identity: [1; 32],
        epochs: vec![engine::format::keyslot::EpochSecret {
            epoch: 0,
            key: [2; 32],
        }],
        terms: Some(engine::format::keyslot::Terms::DEFAULT),
    };
    let secrets = minicbor::to_vec(&secrets).expect("it is written");
    seeds.insert("keyring", vec![secrets]);
}

/// What two sites keep and say.
fn replication(seeds: &mut Seeds) {
    use engine::format::marks::{self, Mark, Marks};
    use engine::format::member::{Disk, Member, Message, Role, VERSION};
    use engine::format::part::{Extent, Frame, Header, Index};
    use engine::replication::protection;
    let group = ObjectId([1; 16]);
    let at = engine::units::Timestamp {
        seconds: 1_764_000_000,
        nanos: 5,
    };
    let disk = Disk {
        name: "disk.img".to_owned(),
        size: 4096,
        path: "/srv/disk.img".to_owned(),
    };
    let mut member: Member = protection::begin(group, Role::Replica);
    member.disks = vec![disk.clone()];
    let kept = Marks {
        version: marks::VERSION,
        group,
        generation: 1,
        stamps: vec![String::new()],
        marks: vec![Mark {
            id: group,
            disks: vec![vec![5_u8].into()],
        }],
        in_use: false,
    };
    let bare = |mode: u8, bytes: &[u8]| [&[mode][..], &bytes[..bytes.len() - 32]].concat();
    seeds.insert(
        "member",
        vec![bare(1, &member.write()), bare(3, &kept.write())],
    );
    let said = [
        Message::Hello {
            version: VERSION,
            group,
            generation: 1,
            disks: vec![disk],
            now: at,
        },
        Message::Compare {
            disk: 0,
            pieces: vec![3],
            hashes: vec![7_u8; 32].into(),
        },
    ];
    seeds.insert("message", said.iter().map(Message::write).collect());
    let index = Index {
        extents: vec![Extent {
            disk: 1,
            offset: 512,
            length: 1024,
            zeros: false,
        }],
        frames: vec![Frame {
            codec: engine::format::layout::Codec::Raw,
            raw: 1024,
            sealed: 1052,
        }],
    };
    let body = index.write();
    let header = Header {
        group,
        generation: 1,
        first: 1,
        batch: 1,
        part: 0,
        end: Some((at, engine::format::point::Consistency::Crash)),
        index_bytes: body.len() as u32 + 28,
        frames: 1,
    };
    seeds.insert("part", vec![[&header.write()[..], &body].concat()]);
}

/// What a client of the NBD server sends: each option, and each command.
fn nbd(seeds: &mut Seeds) {
    let mut options = vec![0];
    for (option, data) in [
        (3_u32, &b""[..]),
        (5, b""),
        (6, b"\0\0\0\x01d\0\x02\0\x01\0\x03"),
        (8, b""),
        (9, b"\0\0\0\x01d\0\0\0\x01\0\0\0\x05base:"),
        (10, b"\0\0\0\0\0\0\0\0"),
        (1, b"d"),
    ] {
        options.extend(b"IHAVEOPT");
        options.extend(option.to_be_bytes());
        options.extend((data.len() as u32).to_be_bytes());
        options.extend(data);
    }
    let mut requests = vec![1];
    for command in [0_u16, 1, 3, 4, 6, 7, 2] {
        requests.extend(0x2560_9513_u32.to_be_bytes());
        requests.extend([0, 0]);
        requests.extend(command.to_be_bytes());
        requests.extend(u64::from(command).to_be_bytes());
        requests.extend(8_u64.to_be_bytes());
        requests.extend(16_u32.to_be_bytes());
        if command == 1 {
            requests.extend([7; 16]);
        }
    }
    seeds.insert("nbd", vec![options, requests]);
}

fn sealed(folder: &str, kind: Kind, target: &'static str, number: u8, seeds: &mut Seeds) {
    for (id, object) in objects(folder) {
        let raw = open_object(keys(), kind, id, folder, &object).expect("an object opens");
        seeds.entry(target).or_default().push(raw.clone());
        let mut body = vec![0];
        body.extend_from_slice(&(raw.len() as u32).to_le_bytes().repeat(2));
        body.extend_from_slice(&raw);
        for (mode, bytes) in [(0, object), (1, body)] {
            let seed = [&id.0[..], &[number * 2 + mode], &bytes].concat();
            seeds.entry("object").or_default().push(seed);
        }
    }
}

fn packs(seeds: &mut Seeds) {
    for (id, pack) in objects("packs") {
        if pack.len() <= SEED_BYTES_MAX {
            let seed = [&id.0[..], &[0], &pack].concat();
            seeds.entry("pack").or_default().push(seed);
        }
    }
    let footer_blobs_and_trailer = [&[0; 17][..], &[0; 9]].concat();
    let seed = [&[0; 16][..], &[1], &footer_blobs_and_trailer].concat();
    seeds.entry("pack").or_default().push(seed);
    blobs(seeds);
}

/// Listings and extents, out of the packs.
fn blobs(seeds: &mut Seeds) {
    use engine::vault::{Located, blob_of, verify_pack};
    for (id, pack) in objects("packs") {
        let record = verify_pack(keys(), id, &mut pack.clone()).expect("a pack opens");
        let mut offset = engine::format::layout::HEADER_BYTES;
        for entry in record.record.entries {
            let end = offset + entry.stored_bytes as usize;
            let located = Located {
                pack: 0,
                offset: offset as u32,
                stored_bytes: entry.stored_bytes,
                raw_bytes: entry.raw_bytes,
                codec: entry.codec,
            };
            let mut sealed = pack[offset..end].to_vec();
            offset = end;
            let (kind, epoch) = (entry.kind, keys().epoch());
            let raw = blob_of(keys(), id, epoch, kind, &entry.id, located, &mut sealed);
            let raw = raw.expect("a blob opens");
            match kind {
                Kind::Listing => seeds.entry("listing").or_default().push(raw),
                Kind::Extents => {
                    let disk = 120 * 512 + 100_u64;
                    let seed = [&disk.to_le_bytes()[..], &raw].concat();
                    seeds.entry("extents").or_default().push(seed);
                }
                _ => {}
            }
        }
    }
}

fn texts(seeds: &mut Seeds) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let files = [
        ("price_book", "scenarios/prices/azure-2024-west-europe.toml"),
        ("price_book", "scenarios/prices/parts-2024-2026.toml"),
        ("scenario", "scenarios/retention/office-server.toml"),
    ];
    for (target, file) in files {
        let text = fs::read(root.join(file)).expect("a file of the project");
        seeds.entry(target).or_default().push(text);
    }
    for (_, text) in simulator::scenario::SHIPPED {
        seeds.entry("trial_scenario").or_default().push(text.into());
    }
    let policy = "keep-last = 3\nkeep-daily = 7\nkeep-within = \"14d\"\nkeep-tag = [\"a\"]\n";
    let scenario = "size = \"2TiB\"\nchange = \"2%/day\"\nevery = \"1d\"\nmethod = \"forever\"\n\
                    growth = \"20%/year\"\ncompress = \"50%\"\n";
    let objectives = "rto = \"4h\"\nrpo = \"1d\"\n[instance.\"db\"]\nrto = \"30min\"\n";
    for (target, text) in [
        ("policy", policy),
        ("scenario", scenario),
        ("objectives", objectives),
    ] {
        seeds.entry(target).or_default().push(text.into());
    }
}
