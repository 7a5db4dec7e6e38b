"""Reads firedrill vaults of format versions 1 and 2; written from FORMAT.md alone, to prove that page.

    FIREDRILL_PASSPHRASE=... firedrill_reader.py VAULT_DIR points [--deleted]
    FIREDRILL_PASSPHRASE=... firedrill_reader.py VAULT_DIR restore POINT TARGET

POINT is an id, the beginning of one, or `latest`; none of those that are deleted. TARGET must not exist. Needs Python 3.9 and, from
PyPI: argon2-cffi, blake3, cryptography, zstandard. Comments quote the headings of FORMAT.md.
"""

import os
import pathlib
import re
import struct
import sys
import time

import argon2.low_level
import zstandard
from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC, VERSION, VAULT_VERSIONS = b"FIREDRIL", 1, (1, 2)
INDEX, POINT, PACK, DATA, LISTING, EXTENTS, PADDING, TRAILER, FOOTER = 1, 2, 3, 16, 17, 18, 32, 33, 34
TOMBSTONE, DELETION = 5, 6
(FILE, FOLDER, SYMLINK, DISK), (CHUNK, HOLE, LIST) = range(4), range(3)
HEADER_BYTES, SEAL_BYTES, ENTRY_BYTES, FOOTER_BYTES = 16, 28, 42, 44
BLOB_BYTES_MAX, RAW_BYTES_MAX = 1 << 24, 1 << 30
METHODS = ["full", "differential", "incremental", "synthetic-full", "forever"]


class Damaged(Exception):
    """Something in the vault is not what was written."""


def need(holds, name, what):
    """Raises `Damaged` unless `holds`."""
    if not holds:
        raise Damaged(f"{name}: {what}")


def decode(data, at=0):
    """CBOR maps: decodes the CBOR item at `at`; gives it and where it ends."""
    major, info = data[at] >> 5, data[at] & 31
    at += 1
    if (major, info) == (7, 22):
        return None, at
    need(info < 28, "CBOR", "an indefinite length")
    size = 1 << (info - 24) if info >= 24 else 0
    need(at + size <= len(data), "CBOR", "it ends early")
    value = int.from_bytes(data[at : at + size], "big") if size else info
    at += size
    if major < 2:
        return (value if major == 0 else -1 - value), at
    need(major < 6 and value <= len(data) - at, "CBOR", "a tag, or it ends early")
    if major < 4:
        text = bytes(data[at : at + value])
        return (text if major == 2 else text.decode("utf-8")), at + value
    items = []
    for _ in range(value * (major - 3)):
        item, at = decode(data, at)
        items.append(item)
    return (items if major == 4 else dict(zip(items[::2], items[1::2]))), at


def decode_whole(data, name):
    """CBOR maps: the one item that `data` is."""
    item, end = decode(data)
    need(end == len(data), name, "something follows its CBOR")
    return item


def derive(context, key):
    """Conventions: BLAKE3's derive_key."""
    return blake3(key, derive_key_context="firedrill 2026-11-24 v1 " + context).digest()


def checked(data, name):
    """vault and keys/ID: CBOR before a checksum."""
    need(len(data) > 16 and blake3(data[:-16]).digest(length=16) == data[-16:], name, "its checksum")
    return decode_whole(data[:-16], name)


def decompress(codec, packed, raw_bytes, name):
    """Sealing: undoes codec 0 (none) or 1 (one zstd frame)."""
    need(codec in (0, 1), name, "an unknown codec")
    if codec == 1:
        need(zstandard.frame_content_size(packed) in (-1, raw_bytes), name, "its frame's length")
        packed = zstandard.ZstdDecompressor().decompress(packed, raw_bytes, allow_extra_data=False)
    need(len(packed) == raw_bytes, name, "its length")
    return packed


def unpack(body, name):
    """Packed body: codec, packed length, raw length, packed bytes, zeros."""
    codec, packed, raw_bytes = struct.unpack_from("<BII", body)
    need(9 + packed <= len(body) and raw_bytes <= RAW_BYTES_MAX, name, "its lengths")
    return decompress(codec, body[9 : 9 + packed], raw_bytes, name)


def entries_of(table, name):
    """Packs: the 42-byte entries of a trailer or index record."""
    need(len(table) % ENTRY_BYTES == 0, name, "its table of blobs")
    entries = [struct.unpack_from("<32sBBII", table, at) for at in range(0, len(table), ENTRY_BYTES)]
    for _, kind, codec, stored, raw in entries:
        need(kind in (DATA, LISTING, EXTENTS) and codec in (0, 1), name, "an unknown kind or codec")
        need(raw <= BLOB_BYTES_MAX >= stored - SEAL_BYTES >= 0, name, "a blob's length")
    return entries


class Vault:
    """An open vault in a folder."""

    def __init__(self, folder, passphrase):
        self.folder = folder
        header = checked(self.read("vault"), "vault")
        need(header[0] == "firedrill vault" and len(header[2]) == 16, "vault", "its magic or id")
        need(header[1] in VAULT_VERSIONS, "vault", f"format version {header[1]}")
        self.id, problems = header[2], []
        for name in self.names("keys"):
            try:
                if self.unlock(f"keys/{name}", passphrase):
                    return
            except Damaged as error:
                problems.append(str(error))
        raise SystemExit("; ".join(["the passphrase opens no key slot", *problems]))

    def names(self, folder):
        """Objects: the ids in a folder of the vault."""
        at = os.path.join(self.folder, folder)
        for name in sorted(os.listdir(at)) if os.path.isdir(at) else ():
            if "#" not in name:
                need(re.fullmatch("[0-9a-f]{32}", name), f"{folder}/{name}", "its name is not an id")
                yield name

    def read(self, name):
        """A whole object."""
        need(os.path.isfile(os.path.join(self.folder, name)), name, "it is missing")
        return pathlib.Path(self.folder, name).read_bytes()

    def unlock(self, name, passphrase):
        """vault and keys/ID: takes the keyring from a key slot, if the passphrase is the slot's."""
        slot = checked(self.read(name), name)
        need(slot[0] == VERSION, name, f"format version {slot[0]}")
        memory, passes, lanes = (slot[1][key] for key in range(3))
        need(memory <= 4 << 20 and passes <= 64 and lanes <= 64, name, "its cost is unreasonable")
        try:
            stretched = argon2.low_level.hash_secret_raw(
                passphrase, slot[2], passes, memory, lanes, 32, argon2.low_level.Type.ID, 0x13)
            if derive("key slot commitment", stretched) != slot[3]:
                return False
            secrets = AESGCM(derive("key slot wrapping key", stretched)).decrypt(slot[4], slot[5], self.id)
        except (argon2.exceptions.HashingError, InvalidTag) as error:
            raise Damaged(f"{name}: {error!r}") from error
        secrets = decode_whole(secrets, name)
        kinds = {DATA: "data", LISTING: "listing", EXTENTS: "extents"}
        self.naming = {kind: derive(f"blob id: {text}", secrets[0]) for kind, text in kinds.items()}
        self.epochs = {epoch[0]: epoch[1] for epoch in secrets[1]}
        need(self.epochs and all(len(key) == 32 for key in self.epochs.values()), name, "its keys")
        return True

    def open(self, kind, codec, epoch, thing, length, sealed, name):
        """Sealing: opens a sealed thing."""
        need(epoch in self.epochs and len(sealed) >= SEAL_BYTES, name, "its key epoch or length")
        thing = thing.ljust(32, b"\0")
        key = blake3(bytes([kind]) + thing, key=self.epochs[epoch]).digest()
        aad = struct.pack("<8sHBBI16s32sQ", MAGIC, VERSION, kind, codec, epoch, self.id, thing, length)
        try:
            return AESGCM(key).decrypt(sealed[:12], sealed[12:], aad)
        except InvalidTag as error:
            raise Damaged(f"{name}: it fails authentication") from error

    def object(self, kind, name):
        """Packed body: the raw body of an index segment or manifest."""
        data, identity = self.read(name), bytes.fromhex(name.partition("/")[2])
        return unpack(self.part(data, kind, kind, identity, data[HEADER_BYTES:], name), name)

    def part(self, data, expected, kind, identity, sealed, name):
        """Sealing: opens a part of the object `data`, whose header must be of the kind `expected`."""
        need(len(data) >= HEADER_BYTES, name, "it is shorter than a header")
        magic, version, found, zero, epoch = struct.unpack_from("<8sHBBI", data)
        need((magic, found, zero) == (MAGIC, expected, 0), name, "its header")
        need(version == VERSION, name, f"format version {version}")
        return self.open(kind, 0, epoch, identity, len(sealed) - SEAL_BYTES, sealed, name)

    def point(self, name):
        """Manifests: a point's manifest."""
        return decode_whole(self.object(POINT, f"points/{name}"), f"points/{name}")

    def is_deleted(self, name):
        """Deletions: whether a point is marked. A mark that does not open hides nothing."""
        if not self.has(f"deleted/{name}"):
            return False
        try:
            decode_whole(self.object(DELETION, f"deleted/{name}"), f"deleted/{name}")
        except Damaged as error:
            print(f"{error}: the point is taken to be there", file=sys.stderr)
            return False
        return True

    def points(self, deleted=False):
        """The points that are there, or those that are deleted; oldest first."""
        names = [name for name in self.names("points") if self.is_deleted(name) == deleted]
        points = ((self.point(name), name) for name in names)
        return sorted(points, key=lambda point: (point[0][2], point[1]))

    def has(self, name):
        """Whether an object is there."""
        return os.path.isfile(os.path.join(self.folder, name))

    def condemned(self):
        """Tombstones: the packs that are condemned, and perhaps removed."""
        packs = set()
        for name in self.names("tombstones"):
            try:
                packs.update(decode_whole(self.object(TOMBSTONE, f"tombstones/{name}"), name)[0])
            except Damaged as error:
                print(error, file=sys.stderr)
        return packs

    def records(self, segment):
        """Index segments: packs, their lengths, their entries."""
        name = f"index/{segment}"
        raw, at = self.object(INDEX, name), 0
        while at < len(raw):
            pack, pack_bytes, count = struct.unpack_from("<16sQI", raw, at)
            table, at = raw[at + 28 : at + 28 + count * ENTRY_BYTES], at + 28 + count * ENTRY_BYTES
            need(at <= len(raw), name, "its records")
            yield pack, pack_bytes, entries_of(table, name)

    def load_index(self, manifest):
        """Finding blobs: what a point needs, its own segments and those of what it depends on; or all."""
        self.packs, self.blobs, self.epochs_of_packs = {}, {}, {}
        condemned = self.condemned()
        try:
            need(not manifest.get(18), "the point", "it refers to packs that nobody owned")
            needed = [manifest, *(self.point(point.hex()) for point in manifest[6])]
            segments = [segment.hex() for point in needed for segment in point[8]]
            records = [record for segment in segments for record in self.records(segment)]
            need(not any(record[0] in condemned for record in records), "the index", "it is condemned")
        except Damaged:
            records = self.all_records(condemned)
        for pack, pack_bytes, entries in records:
            self.packs[pack], offset = (pack_bytes, entries), HEADER_BYTES
            for identity, kind, codec, stored, raw_bytes in entries:
                self.blobs.setdefault((kind, identity), (pack, offset, stored, codec, raw_bytes))
                offset += stored

    def all_records(self, condemned):
        """Finding blobs: what any segment tells of packs that are there, condemned ones last."""
        records = []
        for segment in self.names("index"):
            try:
                records.extend(self.records(segment))
            except Damaged as error:
                print(error, file=sys.stderr)
        there = [record for record in records if self.has(f"packs/{record[0].hex()}")]
        return sorted(there, key=lambda record: record[0] in condemned)

    def check_pack(self, pack):
        """Packs: checks a pack's frame and holds it against the index; gives its epoch."""
        name = f"packs/{pack.hex()}"
        (pack_bytes, entries), data = self.packs[pack], self.read(name)
        need(len(data) == pack_bytes >= 88, name, "its length")
        part = lambda kind, sealed: self.part(data, PACK, kind, pack, sealed, name)
        offset, trailer_bytes, padding = struct.unpack("<QII", part(FOOTER, data[-FOOTER_BYTES:]))
        need(offset + trailer_bytes + FOOTER_BYTES == len(data), name, "its footer points outside")
        trailer = unpack(part(TRAILER, data[offset:-FOOTER_BYTES]), name)
        need(entries_of(trailer, name) == entries, name, "the index tells it otherwise")
        blobs = HEADER_BYTES + sum(entry[3] for entry in entries)
        need(blobs + padding == offset, name, "blobs and padding do not fill it")
        zeros = part(PADDING, data[blobs:offset]) if padding else b""
        need(not any(zeros), name, "its padding is not zeros")
        return struct.unpack_from("<I", data, 12)[0]

    def blob(self, kind, identity):
        """Packs: the raw bytes of a blob, verified."""
        need((kind, identity) in self.blobs, "the index", f"it lacks blob {identity.hex()}")
        pack, offset, stored, codec, raw_bytes = self.blobs[kind, identity]
        name = f"packs/{pack.hex()}: blob {identity.hex()}"
        epoch = self.epochs_of_packs.get(pack)
        epoch = self.epochs_of_packs[pack] = self.check_pack(pack) if epoch is None else epoch
        with open(os.path.join(self.folder, "packs", pack.hex()), "rb") as file:
            file.seek(offset)
            sealed = file.read(stored)
        packed = self.open(kind, codec, epoch, identity, raw_bytes, sealed, name)
        raw = decompress(codec, packed, raw_bytes, name)
        need(blake3(raw, key=self.naming[kind]).digest() == identity, name, "it is another blob")
        return raw

    def listing(self, manifest):
        """Listings: the entries of a point."""
        for identity in manifest[7]:
            raw, at = self.blob(LISTING, identity), 0
            while at < len(raw):
                entry, at = decode(raw, at)
                need(sum(extent[1][0] for extent in entry[7]) == entry[6], "the listing", "a size")
                yield entry

    def extents(self, content):
        """Listings: chunks and holes, lists read."""
        for variant, fields in content:
            run = [(variant, fields)]
            if variant == LIST:
                run = decode_whole(self.blob(EXTENTS, fields[1]), "an extents blob")
                need(sum(extent[1][0] for extent in run) == fields[0], "an extents blob", "its sum")
            need(all(extent[0] in (CHUNK, HOLE) for extent in run), "the listing", "an extent's kind")
            yield from run

    def write(self, entry, at):
        """Writes a file or disk that must not exist; holes stay holes."""
        with open(at, "xb") as file:
            for variant, fields in self.extents(entry[7]):
                if variant == HOLE:
                    file.seek(fields[0], os.SEEK_CUR)
                else:
                    wrote = file.write(self.blob(DATA, fields[1]))
                    need(wrote == fields[0], "the listing", "a chunk's length is not its blob's")
            file.truncate(entry[6])


def place(target, folders, path):
    """Restoring: where a path goes; refuses what leads outside the target."""
    sound = all(name not in (b"", b".", b"..") and b"\0" not in name for name in path.split(b"/"))
    need(sound and path.rpartition(b"/")[0] in folders, "the listing", f"it holds the path {path!r}")
    return os.path.join(target, path)


def finish(at, entry):
    """Restoring: attributes and mode, then the time."""
    if entry[1] != SYMLINK:
        for name, value in entry[8]:
            try:
                os.setxattr(at, name, value)
            except (AttributeError, OSError) as error:
                print(f"{at!r}: attribute {name!r}: {error}", file=sys.stderr)
        stat = os.stat(at)
        owned = (stat.st_uid, stat.st_gid) == (entry[3], entry[4])
        os.chmod(at, entry[2] & (0o7777 if owned else 0o1777))
    nanos = entry[5][0] * 1_000_000_000 + entry[5][1]
    os.utime(at, ns=(nanos, nanos), follow_symlinks=False)


def restore(vault, name, target):
    """Restoring: restores a point to a target that does not exist."""
    points = vault.points()
    found = points[-1:] if name == "latest" else [point for point in points if point[1].startswith(name)]
    if len(found) != 1:
        raise SystemExit(f"{len(found)} points are called '{name}'")
    manifest, target = found[0][0], os.fsencode(target)
    vault.load_index(manifest)
    if [source[1] for source in manifest[10]] == [1]:
        [disk] = vault.listing(manifest)
        need(disk[1] == DISK, "the listing", "it is not one disk")
        return vault.write(disk, target)
    os.mkdir(target, 0o700)
    folders, made, firsts = {b""}, [], {}
    for entry in vault.listing(manifest):
        path, kind = entry[0], entry[1]
        at = place(target, folders, path) if path or kind != FOLDER else target
        if kind == FOLDER:
            if path:
                os.mkdir(at, 0o700)
            folders.add(path)
            made.append((at, entry))
        elif kind == SYMLINK:
            os.symlink(entry[9], at)
            finish(at, entry)
        else:
            need(kind in (FILE, DISK), "the listing", "an unknown kind")
            group = (entry.get(12), repr({key: entry[key] for key in entry if key not in (0, 10)}))
            if group[0] is not None and group in firsts:
                os.link(firsts[group], at, follow_symlinks=False)
                continue
            vault.write(entry, at)
            firsts[group] = at
            if kind == FILE:
                finish(at, entry)
    for at, entry in reversed(made):
        finish(at, entry)


def main():
    """The command line."""
    passphrase = os.environ.get("FIREDRILL_PASSPHRASE")
    asked = sys.argv[2:]
    if passphrase is None or [*asked[:1], len(asked)] != ["restore", 3] and asked not in (
            ["points"], ["points", "--deleted"]):
        raise SystemExit(__doc__)
    try:
        vault = Vault(sys.argv[1], os.fsencode(passphrase))
        if asked[0] == "restore":
            return restore(vault, *asked[1:])
        for manifest, name in vault.points(deleted=asked[1:] == ["--deleted"]):
            when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(manifest[2][0]))
            consistency = ["crash", "application"][manifest.get(16) or 0]
            print(name, when, METHODS[manifest[1]], consistency, manifest[0], *manifest.get(14, []))
    except (Damaged, LookupError, TypeError, ValueError, struct.error, zstandard.ZstdError) as error:
        raise SystemExit(f"the vault is damaged: {error!r}") from error


if __name__ == "__main__":
    main()
