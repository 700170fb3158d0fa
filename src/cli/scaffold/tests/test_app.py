# SPDX-License-Identifier: Apache-2.0
"""Speaks to the running app, on this machine or in a TEE far away, with nothing but the standard library.

mse sets TEST_REMOTE_URL, and TEST_CA_CERT to the certificate that it has verified.
"""

import json
import os
import ssl
import unittest
import urllib.error
import urllib.request

URL = os.environ["TEST_REMOTE_URL"].rstrip("/")
TRUST = ssl.create_default_context(cafile=os.environ.get("TEST_CA_CERT"))


def ask(path, data=None):
    return urllib.request.urlopen(URL + path, data=data, context=TRUST, timeout=10)


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


if __name__ == "__main__":
    unittest.main()
