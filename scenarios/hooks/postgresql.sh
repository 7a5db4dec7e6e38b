#!/bin/sh
# A base backup that PostgreSQL itself makes, kept still in a staging folder while that is backed up.
#
#   firedrill backup VAULT /var/backups/pg --hook-timeout 4h \
#       --freeze 'postgresql.sh freeze /var/backups/pg' --thaw 'postgresql.sh thaw /var/backups/pg'
#
# The staging folder must exist, be nobody else's, and have room for the cluster; the database is never
# held. Connection and user come from PGHOST, PGPORT, PGUSER and a password file; the user needs the right
# to replicate. Restored, `base` is a data folder with the write-ahead log that it needs: give it to the
# server's user and start it. It holds every transaction that was committed before the freeze.
#
# Reading the data folder of a running cluster instead would not do: its files are read at different
# instants, and what mends that (backup_label) is only known when reading has ended.
#
# Nothing is synced to the disk there: it is removed when it has been read.
set -eu
usage="usage: $0 freeze|thaw STAGING"
base="${2:?$usage}/base"
# Nothing is ever removed but what this script put there.
if ! rmdir "$base" 2>/dev/null && [ -e "$base" ] && [ ! -e "$base/PG_VERSION" ] && [ ! -e "$base/backup_label" ]; then
    echo "$base is no data folder of PostgreSQL: name another staging folder" >&2
    exit 1
fi
case ${1:?$usage} in
freeze)
    rm -rf "$base"
    pg_basebackup --pgdata "$base" --wal-method stream --checkpoint fast --no-sync
    ;;
thaw) rm -rf "$base" ;;
*)
    echo "$usage" >&2
    exit 2
    ;;
esac
