#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What an operator could see: a relay that writes down all traffic, and a search for needles in files and memory.

usage: watch.py relay PORT LOG DELAY          forwards to 127.0.0.1:PORT; prints its own port; every answer comes late;
                                              LOG.to.N and LOG.from.N are what a connection said
       watch.py replay PORT RECORD            says it again, prints the answer
       watch.py search NEEDLES [--file PATH]... [--list FILE]... [--pid PID]... [--below PID]... [--user UID]...
                       [--not PID]... [--while PID]...
                                              prints "NEEDLE in PLACE" for each that was found, and how much was searched
       watch.py pid UID TEXT                   prints the newest process of the user whose command ends with TEXT
       watch.py salt PACKAGE KEY              prints the code salt in an encrypted package, in hexadecimal

NEEDLES is JSON, {name: {"hex": bytes} or {"text": text}}. A file is searched wherever it lies, a folder whole. A process
is searched in its memory and in all files that it has open, also those that have no name any more. --list has one file
a line. --below means the descendants of a process, --user each process of that user, --not leaves one out with all its
descendants. --while searches again and again until that process is over.
"""
import base64
import itertools
import json
import os
import socket
import sys
import threading
import time

LEAST = 10  # shorter forms would be found by chance


def base64_forms(data):
    """At each of the three alignments, the characters that depend on nothing else."""
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(b"\0" * shift + data + b"\0\0")
            yield text[-(-8 * shift // 6):8 * (shift + len(data)) // 6]


def forms(data):
    text = {data, data.hex().encode()}
    wide = {t.decode("latin-1").encode(code) for t in text for code in ("utf-16-le", "utf-16-be")}
    more = {data.hex().upper().encode(), *base64_forms(data)}
    return [t for t in text | wide | more if len(t) >= LEAST]


class Search:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            given = json.load(file)
        self.needles = {name: forms(bytes.fromhex(v["hex"]) if "hex" in v else v["text"].encode())
                        for name, v in given.items()}
        self.longest = max(len(f) for fs in self.needles.values() for f in fs)
        self.found = set()
        self.bytes = self.files = self.processes = 0

    def look(self, data, place):
        self.bytes += len(data)
        for name, wanted in self.needles.items():
            if any(f in data for f in wanted):
                self.found.add((name, place))

    def stream(self, file, place, left=None):
        tail = b""
        while left is None or left > 0:
            data = file.read(1 << 20 if left is None else min(left, 1 << 20))
            if not data:
                return
            left = None if left is None else left - len(data)
            self.look(tail + data, place)
            tail = (tail + data)[-self.longest:]

    def file(self, path, place=None):
        self.look(os.fsencode(os.path.basename(path)), "the name of " + path)
        if os.path.islink(path) or not os.path.isfile(path):
            return
        with open(path, "rb") as file:
            self.files += 1
            self.stream(file, place or path)

    def tree(self, path):
        self.file(path)
        for folder, folders, names in os.walk(path):
            for name in folders + names:
                self.file(os.path.join(folder, name))

    def open_files(self, pid):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            link = f"/proc/{pid}/fd/{fd}"
            target = os.readlink(link)
            if os.path.isfile(link) and not target.startswith("/proc"):
                with open(link, "rb") as file:
                    self.files += 1
                    self.stream(file, f"what process {pid} has open: {target}")

    def memory(self, pid):
        with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
            for line in maps:
                start, end = (int(x, 16) for x in line.split(" ")[0].split("-"))
                rights = line.split(" ")[1]
                if not rights.startswith("r") or "[v" in line or (rights[1] == "-" and " /usr/" in line):
                    continue  # programs and libraries of the system are not the operator's to write
                try:
                    mem.seek(start)
                    self.stream(mem, f"the memory of process {pid}", end - start)
                except (OSError, ValueError):
                    continue  # reserved, not there

    def process(self, pid):
        try:
            self.memory(pid)
            self.open_files(pid)
            self.processes += 1
        except (FileNotFoundError, ProcessLookupError):
            pass  # over


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def processes():
    table = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            status = status_of(pid)
            table[int(pid)] = (int(status["PPid"]), int(status["Uid"].split()[0]), status["State"][0])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return table


def descendants(roots):
    """With the roots themselves."""
    table = processes()
    out = set(roots)
    grown = True
    while grown:
        more = {pid for pid, (parent, _, _) in table.items() if parent in out} - out
        out |= more
        grown = bool(more)
    return out


def of_users(users):
    return sorted(pid for pid, (_, user, state) in processes().items() if user in users and state != "Z")


def lives(pid):
    return processes().get(pid, (0, 0, "Z"))[2] != "Z"


def search(path, *options):
    words = ("--file", "--list")
    given = {o: [] for o in (*words, "--pid", "--below", "--user", "--not", "--while")}
    for option, value in zip(options[::2], options[1::2]):
        given[option].append(value if option in words else int(value))
    s = Search(path)
    for place in given["--file"]:
        s.tree(place)
    for path in given["--list"]:
        with open(path, encoding="utf-8") as file:
            for line in file:
                s.file(line.rstrip("\n"))
    below = descendants(given["--below"]) - set(given["--below"])
    for pid in sorted(set(given["--pid"]) | below | set(of_users(given["--user"])) - descendants(given["--not"])):
        s.process(pid)
    for pid in given["--while"]:
        while lives(pid):
            s.process(pid)
            time.sleep(0.02)
    for name, place in sorted(s.found):
        print(name, "in", place)
    print(f"{s.files} files, {s.processes} processes, {s.bytes} bytes", file=sys.stderr)


def pid(user, text):
    found = []
    for number in of_users([int(user)]):
        with open(f"/proc/{number}/cmdline", "rb") as file:
            if file.read().replace(b"\0", b" ").rstrip().endswith(text.encode()):
                found.append(number)
    print(*found[-1:])


def relay(port, log, delay):
    server = socket.create_server(("127.0.0.1", 0))
    print(server.getsockname()[1], flush=True)

    def pump(source, sink, late, out):
        while True:
            try:
                data = source.recv(65536)
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                out.write(data)
                time.sleep(late)
                sink.sendall(data)
            except OSError:
                return

    for n in itertools.count():
        client, _ = server.accept()
        enclave = socket.create_connection(("127.0.0.1", int(port)))
        logs = [open(f"{log}.{way}.{n}", "wb", buffering=0) for way in ("to", "from")]
        threading.Thread(target=pump, args=(client, enclave, 0, logs[0]), daemon=True).start()
        threading.Thread(target=pump, args=(enclave, client, float(delay), logs[1]), daemon=True).start()


def replay(port, record):
    with open(record, "rb") as file, socket.create_connection(("127.0.0.1", int(port)), timeout=120) as stream:
        try:
            stream.sendall(file.read())
            stream.shutdown(socket.SHUT_WR)
            while data := stream.recv(65536):
                sys.stdout.buffer.write(data)
        except OSError:
            pass  # refused


def salt(package, key):
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    with open(package, "rb") as file:
        head = file.read(72)
        chunk = file.read(65536 + 16)
        last = not file.read(1)
    with open(key, "rb") as file:
        secret = HKDF(SHA256(), 32, head[40:72], b"mse package v1").derive(file.read())
    print(AESGCM(secret).decrypt(bytes(11) + bytes([last]), chunk, head)[:32].hex())


{"relay": relay, "replay": replay, "search": search, "pid": pid, "salt": salt}[sys.argv[1]](*sys.argv[2:])
