# SPDX-License-Identifier: Apache-2.0
"""What the tests of msed gateway share: TAP, waiting, the program itself, and a node that runs nothing (fake_fleet, the first
argument of each). MSED names the program."""
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time

MSED = os.path.realpath(os.environ["MSED"])
FLEET = os.path.realpath(sys.argv[1])
PATIENCE = 120
num = failed = 0


def check(good, what):
    global num, failed
    num += 1
    failed += not good
    print(("ok" if good else "not ok"), num, "-", what, flush=True)
    return good


def wait_for(condition, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def done_testing():
    print(f"1..{num}")
    sys.exit(1 if failed else 0)


class Gateway:
    def __init__(self, folder, command="gateway", *options, limit=None):
        self.log = os.path.join(folder, "log")
        prefix = ["sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh"] if limit else []
        self.process = subprocess.Popen(prefix + [MSED, command, "--config", os.path.join(folder, "msed.toml"), *options],
                                        stdout=subprocess.PIPE, stderr=open(self.log, "ab"), text=True)
        line = ""
        self.port = None
        while self.port is None:
            line = self.process.stdout.readline()
            if not line:
                break
            found = re.match(r"msed: gateway listens on [^ ]*:(\d+)$", line.strip())
            self.port = int(found.group(1)) if found else None

    def children(self):
        return subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False).stdout.split()

    def connect(self, name):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        c = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        return context.wrap_socket(c, server_hostname=name)

    def ask(self, name):
        """What answers for a name: its word, the alert, or "?"."""
        try:
            with self.connect(name) as t:
                t.sendall(b"x")
                return t.recv(100).split(b":")[0].decode()
        except ssl.SSLError as e:
            return e.reason
        except OSError as e:
            return type(e).__name__

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


def fleet(database, *words):
    done = subprocess.run([FLEET, database, *[str(w) for w in words]], capture_output=True, text=True, check=True)
    return done.stdout.split()


def private_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"RssAnon:\s+(\d+)", f.read()).group(1))


def make_pem(folder, name, *options):
    """A certificate of its own with its key, in one file; the certificate alone is FILE.crt."""
    path = os.path.join(folder, "cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", f"/CN={name}", *options, "-keyout", path + ".key", "-out", path + ".crt"], check=True,
                   capture_output=True)
    with open(path, "wb") as f:
        for part in (".key", ".crt"):
            f.write(open(path + part, "rb").read())
    return path
