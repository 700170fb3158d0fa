# SPDX-License-Identifier: Apache-2.0
"""Speaks to the running app, on this machine or in a TEE far away, with nothing but the standard library.

mse sets TEST_REMOTE_URL, and TEST_CA_CERT to the certificate that it has verified. mse localtest also sets
TEST_SECRET_JSON and TEST_SEALED_SECRET_JSON to the files that it gave the app.
"""

import hmac
import json
import os
import socket
import ssl
import unittest
import urllib.error
import urllib.request

URL = os.environ["TEST_REMOTE_URL"].rstrip("/")
SYSTEM_RESOLVER = socket.getaddrinfo


def resolve(host, *rest, **more):
    """Names below localhost are this machine (RFC 6761 6.3), whatever the system's resolver knows."""
    local = isinstance(host, str) and host.endswith(".localhost")
    return SYSTEM_RESOLVER("localhost" if local else host, *rest, **more)


socket.getaddrinfo = resolve
TRUST = ssl.create_default_context(cafile=os.environ.get("TEST_CA_CERT"))


def ask(path, data=None):
    return urllib.request.urlopen(URL + path, data=data, context=TRUST, timeout=10)


def secret(variable, member):
    with open(os.environ[variable], encoding="utf-8") as file:
        return json.load(file)[member].encode()


class App(unittest.TestCase):
    def test_health(self):
        with ask("/health") as answer:
            self.assertEqual(answer.status, 204)

    def test_hello(self):
        with ask("/") as answer:
            self.assertEqual(answer.read(), b"Hello from inside the TEE!\n")

    def test_echo(self):
        with ask("/echo", "grüezi".encode()) as answer:
            self.assertEqual(json.load(answer), {"text": "grüezi", "characters": 6})

    def test_too_much_is_refused(self):
        with self.assertRaises(urllib.error.HTTPError) as refused:
            ask("/echo", b"x" * (1024 * 1024 + 1))
        self.assertEqual(refused.exception.code, 413)
        refused.exception.close()

    def test_only_by_tls(self):
        with ask("/") as answer:
            self.assertEqual(answer.headers["Strict-Transport-Security"], "max-age=31536000")

    def test_it_signs(self):
        with ask("/sign", b"text") as answer:
            self.assertRegex(json.load(answer)["mac"], "^[0-9a-f]{64}$")

    @unittest.skipUnless("TEST_SECRET_JSON" in os.environ, "nobody but the owner has the secrets")
    def test_it_has_both_secrets(self):
        key = secret("TEST_SECRET_JSON", "signing_key") + secret("TEST_SEALED_SECRET_JSON", "pepper")
        with ask("/sign", b"text") as answer:
            self.assertEqual(json.load(answer)["mac"], hmac.new(key, b"text", "sha256").hexdigest())


if __name__ == "__main__":
    unittest.main()
