#!/bin/sh
# How long the first synchronisation of a cold disk takes whose copy the other site has, and how fast the disk is
# written afterwards. Needs fio, python3, and root, who can empty the page cache. Usage: benches/first.sh target/release/firedrill [MIB]
set -eu
firedrill=$(realpath "$1"); size=${2:-2048}
work=$(mktemp -d); cd "$work"
servers=
trap 'kill $servers 2>/dev/null || true; wait; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
dd if=/dev/urandom of=disk.img bs=1M count="$size" status=none
"$firedrill" replica init dr >/dev/null; mv dr/source-identity.pem .
mkdir dr/disks; cp disk.img dr/disks/
sync; echo 3 >/proc/sys/vm/drop_caches
begun=$(date +%s.%N)
"$firedrill" replica serve dr --listen 127.0.0.1:7499 --serve "unix:$work/dr.sock" --history 2GiB >/dev/null 2>&1 &
servers="$servers $!"
"$firedrill" protect disk.img --state src --identity source-identity.pem --to 127.0.0.1:7499 --listen "unix:$work/disk.sock" >/dev/null 2>&1 &
servers="$servers $!"
while [ ! -S disk.sock ]; do sleep 0.05; done
is_there='import json, sys; s = json.load(sys.stdin); sys.exit(not (s["connected"] and s["newest_point"] and s["lag_bytes"] == 0))'
while ! "$firedrill" --json status src | python3 -c "$is_there"; do sleep 0.05; done
echo "$size MiB compared in $(echo "$(date +%s.%N) - $begun" | bc) s"
for depth in 1 32; do
    fio --name=j --ioengine=nbd --uri="nbd+unix:///?socket=$work/disk.sock" --rw=randwrite --bs=4k --iodepth="$depth" --size=1G --time_based \
        --runtime=3 --refill_buffers --output-format=json --output=told >/dev/null 2>&1
    python3 -c 'import json; t = open("told").read(); j = json.loads(t[t.index("{"):])["jobs"][0]; print("then 4 KiB at depth '"$depth"':", round(j["write"]["bw_bytes"] / 1e6, 1), "MB/s")'
done
