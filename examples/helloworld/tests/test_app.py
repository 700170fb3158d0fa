# SPDX-License-Identifier: Apache-2.0
"""Runs against the application itself, without a TEE: ./dev needs no network for it."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "mse_src"))
from app import app  # noqa: E402


class HelloWorld(unittest.TestCase):
    def setUp(self):
        self.client = app.test_client()

    def test_hello(self):
        self.assertEqual(self.client.get("/").text, "Hello from inside the TEE!\n")

    def test_health(self):
        self.assertEqual(self.client.get("/health").status_code, 204)

    def test_count(self):
        answer = self.client.post("/count", data="three little words")
        self.assertEqual(answer.json, {"words": 3, "characters": 18})

    def test_count_refuses_too_much(self):
        self.assertEqual(self.client.post("/count", data="x" * (1024 * 1024 + 1)).status_code, 413)


if __name__ == "__main__":
    unittest.main()
