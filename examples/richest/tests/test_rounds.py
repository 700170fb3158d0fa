# SPDX-License-Identifier: Apache-2.0
"""The rules of a round, without an enclave: what is sealed is only marked here."""

import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "mse_src"))

import rounds  # noqa: E402
import sealed  # noqa: E402

PEOPLE = {"alice": b"a" * 32, "bob": b"b" * 32, "carol": b"c" * 32}


def seal(content, key):
    return key + content


def unseal(box):
    return box[32:] if box[:32] == b"E" * 32 else None


class Rules(unittest.TestCase):
    def setUp(self):
        self.round = rounds.Round(PEOPLE, seal, unseal)

    def box(self, name, wealth, **other):
        value = {"ticket": self.round.tickets[name], "wealth": wealth, **other}
        return b"E" * 32 + json.dumps(value).encode().ljust(rounds.INPUT_LEN)

    def refused(self, status, name, box):
        with self.assertRaises(rounds.Refused) as caught:
            self.round.submit(name, box)
        self.assertEqual(caught.exception.status, status)

    def richest(self, name="alice"):
        box = self.round.result(name)
        self.assertEqual(box[:32], PEOPLE[name])
        self.assertEqual(len(box), 32 + rounds.RESULT_LEN)
        return json.loads(box[32:])["richest"]

    def all_in(self, *wealth):
        for name, w in zip(PEOPLE, wealth):
            self.round.submit(name, self.box(name, w))

    def test_the_richest(self):
        self.all_in(5, 7, 6)
        self.assertEqual([self.richest(n) for n in PEOPLE], [["bob"]] * 3)

    def test_equals(self):
        self.all_in(7, 0, 7)
        self.assertEqual(self.richest(), ["alice", "carol"])

    def test_extremes(self):
        self.all_in(0, rounds.MOST, rounds.MOST - 1)
        self.assertEqual(self.richest(), ["bob"])

    def test_nothing_before_all_have_spoken(self):
        for name in PEOPLE:
            with self.assertRaises(rounds.Refused) as caught:
                self.round.result("alice")
            self.assertEqual(caught.exception.status, 409)
            self.round.submit(name, self.box(name, 1))
        self.assertEqual(len(self.richest()), 3)

    def test_once_each(self):
        box = self.box("alice", 1)
        self.round.submit("alice", box)
        self.refused(409, "alice", box)
        self.refused(409, "alice", self.box("alice", 2))
        self.assertEqual(self.round.wealth, {"alice": 1})

    def test_only_oneself(self):
        self.refused(403, "bob", self.box("alice", 1))
        self.refused(404, "mallory", self.box("alice", 1))
        other = rounds.Round(PEOPLE, seal, unseal)
        with self.assertRaises(rounds.Refused) as caught:
            other.submit("alice", self.box("alice", 1))  # an input of another round
        self.assertEqual(caught.exception.status, 403)

    def test_boxes(self):
        good = self.box("alice", 1)
        for bad in (b"", b"x" * 300, b"F" + good[1:], good[:-1], good + b" "):
            self.refused(400, "alice", bad)

    def test_values(self):
        for wealth in (-1, rounds.MOST + 1, 10**100, 1.0, 1e3, True, None, "1", [1], float("nan"), float("inf")):
            self.refused(422, "alice", self.box("alice", wealth))
        self.refused(422, "alice", self.box("alice", 1, more=1))
        ticket = self.round.tickets["alice"]
        for text in ("", "[]", "1", '{"wealth": 1}', f'{{"ticket": "{ticket}", "wealth": 1, "wealth": 2}}',
                     '{"ticket": 1, "wealth": 1}', "[" * 250, "\xff"):
            self.refused(422, "alice", b"E" * 32 + text.encode("latin-1").ljust(rounds.INPUT_LEN))
        self.assertEqual(self.round.wealth, {})

    def test_inputs_have_one_length(self):
        self.assertEqual(len(self.box("alice", 0)), len(self.box("bob", rounds.MOST)))
        self.assertEqual(len(self.round.ticket("bob")), len(self.round.ticket("carol")))


class Participants(unittest.TestCase):
    def test_good(self):
        text = f"alice={'aa' * 32}  bob={'bb' * 32}"
        self.assertEqual(rounds.read_participants(text), {"alice": b"\xaa" * 32, "bob": b"\xbb" * 32})

    def test_bad(self):
        a = f"alice={'aa' * 32}"
        for text in ("", a, a + " " + a, f"{a} bob={'aa' * 32}", f"{a} bob={'bb' * 31}", f"{a} Bob={'bb' * 32}", a + " bob",
                     f"{a} bob={'BB' * 32}", " ".join(f"p{i}={i:064x}" for i in range(1, 66))):
            with self.assertRaises(ValueError):
                rounds.read_participants(text)


class Boxes(unittest.TestCase):
    def test_nothing_is_sealed_to_no_key(self):
        for key in (b"", bytes(31), bytes(32)):
            with self.assertRaises(ValueError):
                sealed.seal(b"text", key)

    def test_rubbish(self):
        for box in (b"", bytes(47), bytes(48), bytes(300)):
            self.assertIsNone(sealed.unseal(box, b"\x09" + bytes(31), b"\x01" * 32))


if __name__ == "__main__":
    unittest.main()
