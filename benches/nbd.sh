#!/bin/sh
# A protected disk beside plain NBD servers on the same file system, in one session: medians of ROUNDS rounds of fio.
# Needs fio, qemu-nbd and nbdkit. Usage: benches/nbd.sh target/release/firedrill [ROUNDS] [SECONDS]
set -eu
firedrill=$(realpath "$1"); rounds=${2:-5}; seconds=${3:-3}
work=$(mktemp -d); cd "$work"
servers=
trap 'kill $servers 2>/dev/null || true; wait; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
truncate -s 2G ours.img; truncate -s 2G qemu.img; truncate -s 2G kit.img
"$firedrill" replica init dr >/dev/null; mv dr/source-identity.pem .
"$firedrill" replica serve dr --listen 127.0.0.1:7499 --serve "unix:$work/dr.sock" --history 2GiB 2>/dev/null >/dev/null &
servers="$servers $!"
"$firedrill" protect ours.img --state src --identity source-identity.pem --to 127.0.0.1:7499 --listen "unix:$work/ours.sock" 2>/dev/null >/dev/null &
servers="$servers $!"
qemu-nbd -f raw --cache=writeback -t -e 16 -k "$work/qemu.sock" qemu.img >/dev/null &
servers="$servers $!"
nbdkit -f -U "$work/kit.sock" file kit.img >/dev/null &
servers="$servers $!"
for name in ours qemu kit; do while [ ! -S "$name.sock" ]; do sleep 0.1; done; done
is_there='import json, sys; s = json.load(sys.stdin); sys.exit(not (s["connected"] and s["newest_point"] and s["lag_bytes"] == 0))'
while ! "$firedrill" --json status src | python3 -c "$is_there"; do sleep 0.2; done
# The fourth is how many writes there are between two flushes; 0 is none at all.
for job in "randwrite 4k 1 0" "randwrite 4k 32 0" "randwrite 4k 1 1" "write 1M 1 0" "randread 4k 32 0"; do
    # shellcheck disable=SC2086
    set -- $job
    for round in $(seq "$rounds"); do
        for name in ours qemu kit; do
            rate=$(fio --name=j --ioengine=nbd --uri="nbd+unix:///?socket=$work/$name.sock" --rw="$1" --bs="$2" --iodepth="$3" --fsync="$4" \
                --size=1G --time_based --runtime="$seconds" --refill_buffers --output-format=json --output=told >/dev/null 2>&1 &&
                python3 -c 'import json; t=open("told").read(); j=json.loads(t[t.index("{"):])["jobs"][0]; print(round((j["write"]["bw_bytes"]+j["read"]["bw_bytes"])/1e6, 1))')
            echo "$name $rate" >>"rates-$1-$2-$3-$4"
            # What is behind is caught up with before the next is measured.
            while "$firedrill" --json status src | python3 -c 'import json,sys; sys.exit(json.load(sys.stdin)["lag_bytes"]==0)'; do sleep 0.2; done
        done
    done
    for name in ours qemu kit; do
        median=$(grep "^$name " "rates-$1-$2-$3-$4" | cut -d' ' -f2 | sort -n | awk '{a[NR]=$1} END {print a[int((NR+1)/2)]}')
        echo "$job $name $median MB/s"
    done
done
"$firedrill" --json status src | python3 -c 'import json,sys; s=json.load(sys.stdin); print("overflows", s["overflows"], "sent", s["sent_bytes"])'
ps -o rss=,args= -C firedrill | awk '{print $1/1024 " MiB", $3, $4}'
