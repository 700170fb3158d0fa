#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""usage: soak.py FILE (see soak). Uses an app all the time, makes trouble around it, and looks at everything in windows of
equal length: answers, how long the slowest of them took beside the slowest turn of two threads here (what the machine itself
does to anybody), memory and descriptors of every process that is to stay. Prints TAP, writes the report."""
import collections
import json
import os
import queue
import random
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

with open(sys.argv[1], encoding="utf-8") as f:
    HERE = json.load(f)
SECONDS = int(os.environ.get("MSE_SOAK", "30"))
WINDOWS = 30
SANITIZED = os.environ.get("SANITIZED") == "1"
LONG = SECONDS >= 300
HOST, PORT = HERE["address"].rsplit(":", 1)
KEPT = 4  # connections that stay
PAUSE = 0.05  # between two requests of one of them
# What is no growth: buffers of an allocator that a rare request touched first.
SLACK_KIB = 4096 if LONG else 8192
SLACK_FDS = 8 if LONG else 24
RATIO = 3  # of the last third's slowest answers to the first's, both measured by the machine's own
PATIENCE = 120

stop = threading.Event()
window = 0
lock = threading.Lock()
answers = [[] for _ in range(WINDOWS)]  # seconds
turns = [[] for _ in range(WINDOWS)]
counts = collections.Counter()
troubles = []
samples = [{} for _ in range(WINDOWS)]  # process -> (KiB, descriptors)


def trouble(text):
    with lock:
        troubles.append(f"{time.monotonic() - began:.1f} s: {text}")


def count(what):
    with lock:
        counts[what] += 1


# ---- what uses the app


def context():
    c = ssl.create_default_context()
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE  # who it is, `mse verify` says all the time
    return c


def connect():
    raw = socket.create_connection(("127.0.0.1", int(PORT)), timeout=PATIENCE)
    return context().wrap_socket(raw, server_hostname=HOST)


def ask(tls, path, body=b""):
    head = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(body)}\r\n\r\n"
    tls.sendall(head.encode() + body)
    data = b""
    while b"\r\n\r\n" not in data:
        piece = tls.recv(65536)
        if not piece:
            raise OSError("closed in an answer")
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise OSError(head.split(b"\r\n")[0].decode(errors="replace"))
    length = next(int(h.split(b":")[1]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length:"))
    while len(rest) < length:
        piece = tls.recv(65536)
        if not piece:
            raise OSError("closed in a body")
        rest += piece
    return rest


def timed(tls, path, body=b""):
    start = time.monotonic()
    rest = ask(tls, path, body)
    took = time.monotonic() - start
    with lock:
        answers[min(window, WINDOWS - 1)].append(took)
        counts["answers"] += 1
    return rest


def keep():
    """One connection from the beginning to the end: it never breaks."""
    try:
        tls = connect()
        while not stop.is_set():
            if len(timed(tls, "/bytes")) != 1024:
                trouble("an answer of another length")
            stop.wait(PAUSE)
        tls.close()
    except (OSError, ValueError) as e:
        trouble(f"a connection that was kept: {e}")


def visit():
    """New connections, one after the other; each tenth brings a body of 1 MiB."""
    while not stop.is_set():
        try:
            tls = connect()
            if counts["visits"] % 10 == 9:
                if int(timed(tls, "/count", bytes(1 << 20)).split()[0]) != 1 << 20:
                    trouble("a body did not arrive whole")
            else:
                timed(tls, "/")
            tls.close()
            count("visits")
        except (OSError, ValueError) as e:
            trouble(f"a visit: {e}")
        stop.wait(0.2)


def leave():
    """Clients that say something wrong, or go in the middle: nothing of them may stay."""
    choice = random.Random(5)
    while not stop.is_set():
        try:
            raw = socket.create_connection(("127.0.0.1", int(PORT)), timeout=PATIENCE)
            kind = choice.randrange(3)
            if kind == 0:
                raw.sendall(choice.randbytes(300))
            elif kind == 1:
                raw.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
            else:
                tls = context().wrap_socket(raw, server_hostname=HOST)
                tls.sendall(b"POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nx")
                raw = tls
            raw.close()
        except OSError:
            pass  # also what they deserve
        count("leavers")
        stop.wait(0.3)


def turn():
    """What one wake-up of another thread and back takes here: slow machines are slow for all."""
    there, back = queue.SimpleQueue(), queue.SimpleQueue()

    def other():
        while there.get() is not None:
            back.put(True)

    threading.Thread(target=other, daemon=True).start()
    a, b = socket.socketpair()

    def echo():
        while data := b.recv(4096):
            b.sendall(data)

    threading.Thread(target=echo, daemon=True).start()
    while not stop.is_set():
        start = time.monotonic()
        there.put(True)
        back.get()
        a.sendall(bytes(1024))
        a.recv(4096)
        with lock:
            turns[min(window, WINDOWS - 1)].append(time.monotonic() - start)
        stop.wait(PAUSE)
    there.put(None)
    a.close()


# ---- trouble around it


def mse(*arguments):
    try:
        done = subprocess.run(
            [HERE["mse"], *arguments], capture_output=True, text=True, timeout=PATIENCE * 3, cwd=HERE["owner"], check=False
        )
    except subprocess.TimeoutExpired:  # it would end the thread, and nobody would hear of it
        return -1, f"mse {arguments[0]} did not come to an end"
    return done.returncode, (done.stdout + done.stderr).strip()


def judge():
    """A user who attests the app, again and again."""
    while not stop.is_set():
        code, text = mse("verify", HERE["address"], *HERE["simulated"].split(), "--fingerprint", HERE["fingerprint"],
                         "--require-level", "2")
        count("verifications")
        if code != 0:
            trouble(f"it was not verified ({code}): {text[-300:]}")
        stop.wait(1 if not LONG else 10)


def pass_by():
    """Another app comes and goes."""
    while not stop.is_set():
        code, text = mse("cloud", "deploy", "--path", "passing", "-y", *HERE["simulated"].split())
        if code != 0:
            trouble(f"the passing app was not deployed ({code}): {text[-400:]}")
            return
        ident = next((line.split(": ")[1] for line in text.split("\n") if line.startswith("UUID: ")), "")
        count("deploys")
        stop.wait(2)
        code, text = mse("cloud", "stop", ident)
        if code != 0:
            trouble(f"the passing app was not stopped ({code}): {text[-300:]}")
            return


def roles():
    """name -> pid of what msed run has started."""
    out = {}
    for pid in children(HERE["msed"]):
        words = command(pid)
        if words:
            out[words[1] if len(words) > 1 else words[0]] = pid
    return out


def strike():
    """The node, whose enclaves go on, is killed; `msed run` starts it again."""
    while not stop.is_set():
        stop.wait(8 if not LONG else 45)
        if stop.is_set():
            return
        node = roles().get("node")
        if node is not None:
            os.kill(node, signal.SIGKILL)
            count("kills")


# ---- what is looked at


def children(pid):
    found = []
    for p in os.listdir("/proc"):
        if p.isdigit():
            try:
                with open(f"/proc/{p}/stat", encoding="ascii", errors="replace") as s:
                    if int(s.read().rsplit(")", 1)[1].split()[1]) == pid:
                        found.append(int(p))
            except OSError:
                pass
    return found


def below(pid):
    """All descendants: the runtime, its sandbox, the app."""
    return [x for child in sorted(children(pid)) for x in [child, *below(child)]]


def command(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as c:
            return [w.decode(errors="replace") for w in c.read().split(b"\0")[:-1]]
    except OSError:
        return []


def staying():
    """name -> pid: the supervisor, gateway and API with their workers, shepherd and runtime of the app that stays."""
    out = {"msed": HERE["msed"]}
    for name, pid in roles().items():
        if name not in ("gateway", "api"):
            continue
        out[name] = pid
        for i, worker in enumerate(sorted(children(pid))):
            out[f"{name}/{i}"] = worker
    folder = f"{HERE['operator']}/node/apps/{HERE['id']}"
    for p in os.listdir("/proc"):
        if p.isdigit() and any(folder in w for w in command(p)):
            out["shepherd"] = int(p)
            for i, inner in enumerate(below(int(p))):
                out[f"runtime/{i}"] = inner
    return out


def size(pid):
    """Private memory in KiB and descriptors; None: it is gone."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as s:
            kib = sum(int(x.split()[1]) for x in s if x.startswith(("Private_Clean:", "Private_Dirty:", "Swap:")))
        return kib, len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return None


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None


def median(values):
    return percentile(values, 0.5)


def thirds(values):
    """The first third behind the warm-up, and the last."""
    known = [v for v in values[WINDOWS // 10 :] if v is not None]
    n = max(1, len(known) // 3)
    return known[:n], known[-n:]


# ---- run

began = time.monotonic()
before = staying()
workers = [threading.Thread(target=keep, daemon=True) for _ in range(KEPT)]
workers += [threading.Thread(target=w, daemon=True) for w in (visit, leave, turn, judge, pass_by, strike)]
for w in workers:
    w.start()
for window in range(WINDOWS):
    left = began + (window + 1) * SECONDS / WINDOWS - time.monotonic()
    time.sleep(max(0.0, left))
    samples[window] = {name: size(pid) for name, pid in before.items()}
stop.set()
for w in workers:
    w.join(PATIENCE * 4)
stuck = sum(w.is_alive() for w in workers)
after = staying()

# ---- judged

number, failed = HERE["done"], 0


def check(good, what, detail=""):
    global number, failed
    number += 1
    failed += not good
    print(("ok" if good else "not ok"), number, "-", what, flush=True)
    if not good and detail:
        print("#", detail)


slow = [percentile(a, 0.99) for a in answers]
floor = [percentile(t, 0.99) for t in turns]
ratios = [s / f if s is not None and f else None for s, f in zip(slow, floor)]
grown = {}
for name in before:
    for at, what, slack in ((0, "KiB", SLACK_KIB), (1, "descriptors", SLACK_FDS)):
        first, last = thirds([s[name][at] if s.get(name) else None for s in samples])
        if first and last and median(last) > median(first) * (1.1 if at == 0 else 1) + slack:
            grown[f"{name}, {what}"] = (median(first), median(last))
first, last = thirds(ratios)
drift = median(last) / median(first) if first and last else None
report = {
    "seconds": SECONDS,
    "counts": dict(counts),
    "troubles": troubles,
    "windows": [
        {
            "answers": len(a),
            "p50_ms": round(1000 * (percentile(a, 0.5) or 0), 3),
            "p99_ms": round(1000 * (s or 0), 3),
            "floor_p99_ms": round(1000 * (f or 0), 3),
            "processes": {n: {"private_kib": v[0], "descriptors": v[1]} for n, v in p.items() if v},
        }
        for a, s, f, p in zip(answers, slow, floor, samples)
    ],
    "latency_drift": round(drift, 3) if drift else None,
    "grown": grown,
}
with open(HERE["report"], "w", encoding="utf-8") as f:
    json.dump(report, f, indent=1)
print(f"# {SECONDS} s: {dict(counts)}; latency of the last third beside the first, by the machine's own: {drift:.2f}" if drift
      else f"# {SECONDS} s: {dict(counts)}")
check(not troubles, "no request failed, no verification, no deploy", "; ".join(troubles[:8]))
check(stuck == 0, "everybody came to an end", f"{stuck} did not")
check(counts["answers"] > 0 and counts["visits"] > 0 and counts["verifications"] > 0 and counts["deploys"] > 0
      and counts["leavers"] > 0 and counts["kills"] > 0, "all of it happened", str(dict(counts)))
gone = [n for n, pid in before.items() if after.get(n) != pid]
check("shepherd" in before and "runtime/0" in before and not gone, "who is to stay stayed", f"{gone} of {before}, now {after}")
if SANITIZED:
    check(True, "nothing grew # SKIP sanitizers keep what was freed")
else:
    check(not grown, "nothing grew: private memory, descriptors", str(grown))
if LONG:
    check(drift is not None and drift <= RATIO, f"the slowest answers got no slower (at most {RATIO} times)", str(drift))
else:
    check(True, "the slowest answers got no slower # SKIP so short a time says nothing: MSE_SOAK=1200")
with open(HERE["log"], encoding="utf-8", errors="replace") as f:
    bad = [line for line in f if "Sanitizer" in line or "runtime error" in line or "assert" in line]
check(not bad, "the platform's log has no fault in it", "".join(bad[:5]))
print(f"1..{number}")
sys.exit(1 if failed or HERE.get("failed") else 0)
