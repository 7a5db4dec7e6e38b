#!/bin/sh
# Does replication keep up? fio changes RATE MiB/s of a protected disk for SECONDS while the RPO is asked for ten times a
# second; client, both sites and the asking share this machine. Needs fio and python3.
# Usage: benches/sustained.sh target/release/firedrill [RATE] [SECONDS] [BLOCK]
set -eu
firedrill=$(realpath "$1"); rate=${2:-200}; seconds=${3:-60}; block=${4:-64k}
work=$(mktemp -d); cd "$work"
servers=
trap 'kill $servers 2>/dev/null || true; wait; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
truncate -s 4G disk.img
"$firedrill" replica init dr >/dev/null; mv dr/source-identity.pem .
"$firedrill" replica serve dr --listen 127.0.0.1:7499 --serve "unix:$work/dr.sock" --history 8GiB >/dev/null 2>&1 &
servers="$servers $!"
"$firedrill" protect disk.img --state src --identity source-identity.pem --to 127.0.0.1:7499 --listen "unix:$work/disk.sock" >/dev/null 2>&1 &
servers="$servers $!"
while [ ! -S disk.sock ]; do sleep 0.1; done
is_there='import json, sys; s = json.load(sys.stdin); sys.exit(not (s["connected"] and s["newest_point"] and s["lag_bytes"] == 0))'
while ! "$firedrill" --json status src | python3 -c "$is_there"; do sleep 0.2; done
cat >ask.py <<'PY'
import json, math, subprocess, sys, time

def ask():
    return json.loads(subprocess.check_output([sys.argv[1], "--json", "status", "src"]))

job = subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
seen = []
while job.poll() is None:
    seen.append(ask()["rpo_seconds"])
    time.sleep(0.1)
end = time.monotonic()
status = ask()
lag = status["lag_bytes"]
while ask()["lag_bytes"]:
    time.sleep(0.05)
after = time.monotonic() - end
text = open("told").read()
told = json.loads(text[text.index("{"):])["jobs"][0]["write"]
seen = sorted(math.inf if rpo is None else rpo for rpo in seen)
at = lambda share: seen[min(len(seen) - 1, math.ceil(share * len(seen)) - 1)]
print(f"written {told['bw_bytes'] / 2**20:.1f} MiB/s for {told['runtime'] / 1000:.0f} s; RPO of {len(seen)} askings: median {at(.5):.2f} s, "
      f"99 % {at(.99):.2f} s, most {seen[-1]:.2f} s; behind at the end {lag / 2**20:.1f} MiB, caught up in {after:.2f} s; "
      f"writes that found no room {status['overflows']}")
PY
python3 ask.py "$firedrill" fio --name=j --ioengine=nbd --uri="nbd+unix:///?socket=$work/disk.sock" --rw=randwrite --bs="$block" --iodepth=8 \
    --rate="${rate}m" --size=4G --time_based --runtime="$seconds" --refill_buffers --randrepeat=1 --output-format=json --output=told
ps -o rss=,args= -C firedrill | awk '{print $1/1024 " MiB", $3, $4}'
