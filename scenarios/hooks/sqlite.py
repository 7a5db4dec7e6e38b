#!/usr/bin/env python3
"""Holds a SQLite database still while it is backed up: nothing commits between freeze and thaw.

    firedrill backup VAULT /srv/app --freeze 'sqlite.py freeze /srv/app/app.db' \
                                    --thaw 'sqlite.py thaw /srv/app/app.db'

A process of its own holds a write transaction that writes nothing, so that the database and its
journal or write-ahead log are read as of one instant; readers go on, writers wait (an application
with a short busy timeout sees SQLITE_BUSY). The hold ends by itself after HOLD_SECONDS (600), should
no thaw ever come. `thaw` fails where nothing is held (any more): then the copy may be torn.
"""

import os
import random
import socket
import sqlite3
import sys
import time
import urllib.parse

WAIT_SECONDS = 30
HOLD_SECONDS = float(os.environ.get("HOLD_SECONDS", "600"))


def place(database):
    """A socket without a file: gone when its process is, whatever ended it."""
    return f"\0firedrill-sqlite-{os.getuid()}-{os.path.realpath(database)}"


def begin(held):
    """Begins the transaction. SQLite's own waiting looks ten times a second and no more, and an application
    that commits without a pause would never let it in."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return held.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
        time.sleep(random.uniform(0, 0.001))


def hold(database, report):
    """Holds the database until somebody calls, or too long."""
    with socket.socket(socket.AF_UNIX) as thaw, os.fdopen(report, "w") as report:
        try:
            thaw.bind(place(database))
            thaw.listen()
            uri = f"file:{urllib.parse.quote(os.path.abspath(database))}?mode=rw"
            held = sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None)
            begin(held)
        except (OSError, sqlite3.Error) as error:
            report.write(f"{database} can't be held: {error}")
            return
        report.write("held")
        report.close()
        thaw.settimeout(HOLD_SECONDS)
        try:
            caller, _ = thaw.accept()
            held.close()
            caller.sendall(b"thawed")
        except TimeoutError:
            held.close()


def freeze(database):
    told, report = os.pipe()
    if os.fork() == 0:
        os.close(told)
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        hold(database, report)
        os._exit(0)
    os.close(report)
    with os.fdopen(told) as told:
        answer = told.read()
    return None if answer == "held" else answer or "the holder ended without a word"


def thaw(database):
    try:
        with socket.socket(socket.AF_UNIX) as holder:
            holder.settimeout(WAIT_SECONDS)
            holder.connect(place(database))
            if holder.recv(16) == b"thawed":
                return None
    except OSError:
        pass
    return f"{database} was not held: it never was, or the hold ended by itself"


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("freeze", "thaw"):
        sys.exit(f"usage: {sys.argv[0]} freeze|thaw DATABASE")
    sys.exit({"freeze": freeze, "thaw": thaw}[sys.argv[1]](sys.argv[2]))
