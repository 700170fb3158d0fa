#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A participant's side of "who is richest". Needs mse in PATH (or in $MSE) and nothing but Python's standard library.

usage: client.py input NAME KEY --context FILE --code DIR [OPTION OF mse cloud verify]... < WEALTH
       client.py result NAME KEY --context FILE --code DIR [OPTION OF mse cloud verify]...

KEY is the private key that mse home keygen --asymmetric made; KEY.pub stands beside it. Each time the enclave is verified
first; what it gets is sealed to the key that the verified certificate names, and goes over TLS that ends in it.
"""

import argparse
import http.client
import json
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import tomllib

INPUT_LEN = 256  # as in mse_src/rounds.py: nobody sees from its length how large a number is
MSE = os.environ.get("MSE", "mse")


class Trouble(Exception):
    pass


def mse(*words, data=None):
    done = subprocess.run([MSE, *words], input=data, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise Trouble(f"mse {' '.join(words[:2])} refused: see above; nothing was sent")
    return done.stdout


class Enclave:
    """The verified app: its address, its certificate, who takes part in it."""

    def __init__(self, folder, context, code, options):
        self.cert = os.path.join(folder, "cert.pem")
        sys.stderr.buffer.write(mse("cloud", "verify", "--context", context, "--code", code, "--output", self.cert,
                                    *options))
        with open(context, "rb") as file:
            told = tomllib.load(file)
        host, _, port = told["instance"]["domain_name"].partition(":")
        self.host, self.port = host, int(port or 443)
        # The context was verified: it is what the enclave was measured with.
        env = json.loads(told["manifest"]["json"])["env"]
        self.people = dict(word.split("=") for word in env["PARTICIPANTS"].split())

    def ask(self, method, path, body=None):
        """Over TLS that trusts the verified certificate and nothing else."""
        trust = ssl.create_default_context(cafile=self.cert)
        # Names below localhost are this machine (RFC 6761), whatever the resolver knows of them.
        address = "127.0.0.1" if self.host.endswith(".localhost") else self.host
        connection = http.client.HTTPSConnection(self.host, self.port)
        connection.sock = trust.wrap_socket(socket.create_connection((address, self.port), timeout=30),
                                            server_hostname=self.host)
        connection.request(method, path, body=body)
        answer = connection.getresponse()
        content = answer.read(65536)
        connection.close()
        if answer.status not in (200, 204):
            raise Trouble(f"the app says {answer.status}: {json.loads(content).get('error', '')}")
        return content

    def seal(self, content):
        return mse("home", "seal", "--input", "-", "--receiver-enclave", self.cert, "--output", "-", data=content)


def unseal(box, key):
    return json.loads(mse("home", "unseal", "--input", "-", "--private-key", key, "--output", "-", data=box))


def check_people(enclave, name, key):
    mine = pathlib.Path(key + ".pub").read_bytes().hex()
    if enclave.people.get(name) != mine:
        raise Trouble(f"{name} with the key of {key}.pub does not take part in this round; nothing was sent")
    print(f"{len(enclave.people)} take part: {', '.join(sorted(enclave.people))}", file=sys.stderr)


def read_wealth():
    text = sys.stdin.readline().strip()
    if not text.isascii() or not text.isdigit() or int(text) > 10**15:
        raise Trouble("the wealth on stdin is no whole number from 0 to 10^15")
    return int(text)


def run(args, options):
    with tempfile.TemporaryDirectory() as folder:
        wealth = read_wealth() if args.what == "input" else None
        enclave = Enclave(folder, args.context, args.code, options)
        check_people(enclave, args.name, args.key)
        if args.what == "result":
            richest = unseal(enclave.ask("GET", f"/result/{args.name}"), args.key)["richest"]
            print("The richest:", ", ".join(richest))
            return
        ticket = unseal(enclave.ask("GET", f"/ticket/{args.name}"), args.key)["ticket"]
        content = json.dumps({"ticket": ticket, "wealth": wealth}).encode().ljust(INPUT_LEN)
        enclave.ask("POST", f"/input/{args.name}", enclave.seal(content))
        print("Your input is in. Ask for the result when all have spoken.")


def main():
    parser = argparse.ArgumentParser(description="Who is richest, without showing how rich.")
    parser.add_argument("what", choices=["input", "result"])
    parser.add_argument("name")
    parser.add_argument("key")
    parser.add_argument("--context", required=True)
    parser.add_argument("--code", required=True)
    args, options = parser.parse_known_args()
    try:
        run(args, options)
    except (Trouble, OSError, KeyError, ValueError) as error:
        print(f"client.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
