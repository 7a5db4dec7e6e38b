//! The clients of the field: what they ask, do and find is what they do with any other server.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::nbd::memory::MemoryExport;
use crate::nbd::served::{Served, device, has, image, named, run};
use crate::support::noise;

const MIB: u64 = 1 << 20;

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// Lines of a table with one blank between columns.
fn table(said: &str) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    said.lines().map(words).collect()
}

#[test]
fn nbdinfo_tells_what_an_export_can() {
    if !has("nbdinfo", "libnbd-bin") {
        return;
    }
    for is_tcp in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let data = image(folder.path(), "data.img", 8 * MIB);
        let logs = image(folder.path(), "logs.img", 4 * MIB + 513);
        let exports = vec![
            named("data", device(&data, false)),
            named("logs", device(&logs, true)),
        ];
        let served = Served::start(folder, exports, is_tcp, None);
        let same = [
            "can_df: true",
            "can_multi_conn: true",
            "can_cache: false",
            "can_fast_zero: false",
            "is_rotational: false",
            "base:allocation",
            "block_size_minimum: 1",
            "block_size_preferred: 4096",
            "block_size_maximum: 33554432",
        ];
        let writable = ["flush", "fua", "trim", "zero"];
        for (name, size, can) in [
            ("data", 8 * MIB, true),
            ("", 8 * MIB, true),
            ("logs", 4 * MIB + 513, false),
        ] {
            let said = table(&run("nbdinfo", &["--no-content", &served.uri(name)]));
            let mut expected: Vec<String> = same.map(str::to_owned).to_vec();
            expected.extend(writable.map(|what| format!("can_{what}: {can}")));
            expected.push(format!("is_read_only: {}", !can));
            expected.push(format!("export-size: {size}"));
            for line in &expected {
                let found = said.iter().any(|said| said.starts_with(line.as_str()));
                assert!(found, "{name:?} tells no {line:?}: {said:#?}");
            }
        }
        let listed = run("nbdinfo", &["--list", "--no-content", &served.uri("")]);
        for line in ["export=\"data\"", "description: the disk logs"] {
            assert!(listed.contains(line), "{listed}");
        }
        assert_eq!(served.end(), Vec::<String>::new());
    }
}

#[test]
fn maps_tell_holes_and_what_is_not_yet_at_the_other_site() {
    if !has("nbdinfo", "libnbd-bin") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = image(folder.path(), "disk.img", 16 * MIB);
    let file = fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .expect("it opens");
    file.write_all_at(&noise(1, 1 << 20), 4 * MIB)
        .expect("it is written");
    let memory = MemoryExport::new(MIB as usize);
    memory.set_dirty(65536, 4096);
    memory.set_dirty(1_044_480, 4096);
    let exports = vec![named("disk", device(&path, false)), named("memory", memory)];
    let served = Served::start(folder, exports, false, None);
    let map = table(&run("nbdinfo", &["--map", &served.uri("disk")]));
    let expected = [
        "0 4194304 3 hole,zero",
        "4194304 1048576 0 data",
        "5242880 11534336 3 hole,zero",
    ];
    assert_eq!(map, expected);
    let map = table(&run(
        "nbdinfo",
        &["--map=firedrill:dirty", &served.uri("memory")],
    ));
    assert_eq!(
        map,
        [
            "0 65536 0",
            "65536 4096 1",
            "69632 974848 0",
            "1044480 4096 1"
        ]
    );
    let said = run("nbdinfo", &["--no-content", &served.uri("memory")]);
    assert!(said.contains("firedrill:dirty"), "{said}");
    assert_eq!(served.end(), Vec::<String>::new());
}

#[test]
fn qemu_img_copies_out_and_in_and_finds_no_difference() {
    if !has("qemu-img", "qemu-utils") {
        return;
    }
    let (served, path) = Served::disk(8 * MIB);
    let uri = served.uri("disk");
    let info = run("qemu-img", &["info", "--output=json", "-f", "raw", &uri]);
    assert!(info.contains("\"virtual-size\": 8388608"), "{info}");
    let content = noise(2, 8 << 20);
    let given = served.folder.path().join("given.img");
    fs::write(&given, &content).expect("it is written");
    run(
        "qemu-img",
        &[
            "convert",
            "-n",
            "-f",
            "raw",
            "-O",
            "raw",
            text(&given),
            &uri,
        ],
    );
    assert!(fs::read(&path).expect("the image") == content);
    let copied = served.folder.path().join("copied.img");
    run(
        "qemu-img",
        &["convert", "-f", "raw", "-O", "raw", &uri, text(&copied)],
    );
    assert!(fs::read(&copied).expect("the copy") == content);
    let compared = run(
        "qemu-img",
        &["compare", "-f", "raw", "-F", "raw", &uri, text(&given)],
    );
    assert!(compared.contains("Images are identical"), "{compared}");
    assert_eq!(served.end(), Vec::<String>::new());
}

#[test]
fn qemu_io_writes_zeroes_discards_and_flushes() {
    if !has("qemu-io", "qemu-utils") {
        return;
    }
    let (served, path) = Served::disk(4 * MIB);
    let uri = served.uri("disk");
    let commands = [
        "write -P 0x77 0 1M",
        "write -f -P 0x5a 0 64k",
        "write -z 64k 64k",
        "write -z -u 128k 64k",
        "discard 192k 64k",
        "flush",
        "write -P 0x11 300001 4099",
        "read -P 0x5a 0 64k",
        "read -P 0 64k 192k",
        "read -P 0x77 256k 4096",
        "read -P 0x11 300001 4099",
    ];
    let mut arguments = vec!["-f", "raw", "-d", "unmap"];
    arguments.extend(commands.iter().flat_map(|command| ["-c", command]));
    arguments.push(&uri);
    let said = run("qemu-io", &arguments);
    assert!(!said.contains("failed"), "{said}");
    let content = fs::read(&path).expect("the image");
    assert!(content[..65536].iter().all(|byte| *byte == 0x5a));
    assert!(content[65536..262_144].iter().all(|byte| *byte == 0));
    assert!(content[300_001..304_100].iter().all(|byte| *byte == 0x11));
    assert!(content[304_100..1 << 20].iter().all(|byte| *byte == 0x77));
    assert_eq!(served.end(), Vec::<String>::new());
}

#[test]
fn nbdcopy_goes_both_ways_over_many_connections() {
    if !has("nbdcopy", "libnbd-bin") {
        return;
    }
    let (served, path) = Served::disk(16 * MIB);
    let uri = served.uri("disk");
    let mut content = noise(3, 16 << 20);
    content[3 << 20..9 << 20].fill(0);
    let given = served.folder.path().join("given.img");
    fs::write(&given, &content).expect("it is written");
    run("nbdcopy", &["--flush", text(&given), &uri]);
    assert!(fs::read(&path).expect("the image") == content);
    let copied = image(served.folder.path(), "copied.img", 16 * MIB);
    run("nbdcopy", &["--connections=4", &uri, text(&copied)]);
    assert!(fs::read(&copied).expect("the copy") == content);
    assert_eq!(served.end(), Vec::<String>::new());
}

/// What no well-behaved client sends, refused with the right number, and the connection goes on.
const NBDSH: &str = r#"
import errno
h.set_strict_mode(0)
h.add_meta_context("base:allocation")
h.connect_uri(URI)
size = h.get_size()
def refused(number, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except nbd.Error as error:
        assert error.errnum == number, (call, error.errnum, number)
    else:
        raise AssertionError((call, arguments))
refused(errno.EINVAL, h.pread, 512, size)
refused(errno.EINVAL, h.pread, 512, 2**63)
refused(errno.ENOSPC, h.pwrite, bytearray(512), size - 511)
refused(errno.ENOSPC, h.zero, 2**32 - 1, 0)
refused(errno.EINVAL, h.trim, 512, size)
refused(errno.EINVAL, h.zero, 512, 0, nbd.CMD_FLAG_FAST_ZERO)
refused(errno.EINVAL, h.cache, 512, 0)
refused(errno.EINVAL, h.pwrite, bytearray(512), 0, 1 << 12)
refused(errno.EINVAL, h.block_status, 512, size, lambda *_: 0)
h.pwrite(b"firedrill" * 100, 12345, nbd.CMD_FLAG_FUA)
assert h.pread(900, 12345) == b"firedrill" * 100
seen = []
def chunk(data, offset, status, error):
    seen.append((len(data), offset, status))
h.pread_structured(900, 12345, chunk, nbd.CMD_FLAG_DF)
assert seen == [(900, 12345, nbd.READ_DATA)], seen
runs = []
h.block_status(size, 0, lambda context, offset, list, error: runs.extend(list), nbd.CMD_FLAG_REQ_ONE)
assert len(runs) == 2, runs
h.flush()
h.shutdown()
"#;

#[test]
fn nbdsh_is_refused_what_it_may_not() {
    if !has("nbdsh", "python3-libnbd") {
        return;
    }
    for is_tcp in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = image(folder.path(), "disk.img", MIB);
        let exports = vec![named("disk", device(&path, false))];
        let served = Served::start(folder, exports, is_tcp, None);
        let script = NBDSH.replace("URI", &format!("{:?}", served.uri("disk")));
        run("nbdsh", &["-c", &script]);
        assert_eq!(served.end(), Vec::<String>::new());
    }
}

#[test]
fn fio_reads_what_it_wrote() {
    if !has("fio", "fio") {
        return;
    }
    let (served, _) = Served::disk(16 * MIB);
    let uri = format!("--uri={}", served.uri("disk"));
    let output = format!("--aux-path={}", served.folder.path().display());
    let same = [
        "--ioengine=nbd",
        &uri,
        &output,
        "--verify=crc32c",
        "--size=16m",
    ];
    let whole = ["--name=whole", "--rw=randwrite", "--bs=4k", "--iodepth=32"];
    run("fio", &[&same[..], &whole].concat());
    let mixed = [
        "--name=mixed",
        "--rw=randrw",
        "--bsrange=512-256k",
        "--iodepth=16",
        "--fsync=50",
    ];
    run("fio", &[&same[..], &mixed].concat());
    assert_eq!(served.end(), Vec::<String>::new());
}
