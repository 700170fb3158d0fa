# SPDX-License-Identifier: Apache-2.0
"""Writes a state of several files that can be told whole from mixed, again and again; says over HTTP what it found.

Three files are written one behind the other, so that of one moment a >= b >= c >= a - 1. A folder of five files is made
under another name first; the link `current` names one that is whole. Its content has MARKER in it, for whoever searches
a disk.
"""
import hashlib
import json
import os
import pathlib
import socket
import threading
import time

MARKER = "plain-text-of-the-app"
home = pathlib.Path(os.environ["HOME"])
keys = pathlib.Path(os.environ["KEY_PATH"])


def number(name):
    path = home / name
    text = path.read_text() if path.exists() else "0 "
    return int(text.split(" ")[0]) if text else -1


def written():
    """The number of the file that is written all the time: empty for a moment, each time."""
    while (n := number("a")) < 0:
        time.sleep(0.001)
    return n


def folder(n):
    return {f"f{i}": f"{MARKER} {hashlib.sha256(f'{n} {i}'.encode()).hexdigest()}\n" * (1 + 40 * i) for i in range(5)}


def check():
    """What is wrong with the state that an earlier life has left; None if nothing."""
    a, b, c = number("a"), number("b"), number("c")
    # A file that is being written may be empty at that moment.
    known = [n for n in (a, b, c) if n >= 0]
    if known != sorted(known, reverse=True) or (known and known[0] - known[-1] > 1):
        return f"a {a}, b {b}, c {c}"
    current = home / "current"
    if current.is_symlink():
        n = int(os.readlink(current).split("-")[1])
        seen = {p.name: p.read_text() for p in current.iterdir()}
        if seen != folder(n):
            return f"folder {n} is not whole"
    return None


def write(name, n):
    (home / name).write_text(f"{n} {MARKER} " + "x" * (n % 70000))


def work(n):
    while True:
        n += 1
        for name in ("a", "b", "c"):
            write(name, n)
        part = home / "part"
        part.mkdir(exist_ok=True)
        for name, text in folder(n).items():
            (part / name).write_text(text)
        os.rename(part, home / f"set-{n}")
        link = home / "link"
        link.unlink(missing_ok=True)
        os.symlink(f"set-{n}", link)
        os.rename(link, home / "current")
        for old in home.glob("set-*"):
            if old.name not in (f"set-{n}",):
                for path in old.iterdir():
                    path.unlink()
                old.rmdir()
        time.sleep(0.002)


def clean():
    """What a life that ended in the middle of its work has left."""
    keep = os.readlink(home / "current") if (home / "current").is_symlink() else None
    for old in [*home.glob("set-*"), *home.glob("part")]:
        if old.name != keep:
            for path in old.iterdir():
                path.unlink()
            old.rmdir()


def main():
    wrong = check()
    start = max(number("a"), number("b"), number("c"), 0)
    key = keys / "key"
    if not key.exists():
        key.write_text(f"{MARKER} {os.urandom(16).hex()}")
    secrets = os.environ.get("SECRETS_PATH")
    said = {
        "wrong": wrong,
        "start": start,
        "key": key.read_text().split(" ")[1],
        "secrets": json.loads(pathlib.Path(secrets).read_text()) if secrets else None,
        "public": hashlib.sha256(pathlib.Path(os.environ["ENCLAVE_PK_PATH"]).read_bytes()).hexdigest(),
    }
    if wrong is None:
        clean()
        threading.Thread(target=work, args=(start,), daemon=True).start()
    server = socket.socket(socket.AF_UNIX)
    server.bind(os.environ["MSE_SOCKET"])
    server.listen(16)
    while True:
        peer, _ = server.accept()
        with peer:
            peer.recv(4096)
            body = json.dumps(said | {"now": written()}).encode()
            peer.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


main()
