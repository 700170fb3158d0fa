# SPDX-License-Identifier: Apache-2.0
"""One round of "who is richest": what each one has goes in, the names of the richest come out, and nothing else.

Whoever runs the machine sees boxes come and go. So all boxes of a kind have one length, nothing is said about the others
before all have spoken, and each speaks once: a second answer to almost the same question would tell how rich they are.
"""

import hmac
import json
import re
import secrets

INPUT_LEN = 256  # of an input before it is sealed, filled up with blanks
RESULT_LEN = 4096
MOST = 10**15
MOST_PEOPLE = 64


class Refused(Exception):
    """With a status of HTTP."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


def read_participants(text):
    """{name: public key} of "name=hex name=hex …"; ValueError."""
    people = {}
    for word in text.split():
        found = re.fullmatch("([a-z0-9-]{1,32})=([0-9a-f]{64})", word)
        if found is None:
            raise ValueError(f"PARTICIPANTS has {word!r}, wanted name=64 hexadecimal digits")
        name, key = found[1], bytes.fromhex(found[2])
        if name in people or key in people.values():
            raise ValueError(f"PARTICIPANTS has the name or the key of {name} twice")
        people[name] = key
    if not 2 <= len(people) <= MOST_PEOPLE:
        raise ValueError(f"PARTICIPANTS has {len(people)}, wanted 2 to {MOST_PEOPLE}")
    return people


def filled_up(value, length):
    text = json.dumps(value).encode()
    if len(text) > length:
        raise ValueError("too long")
    return text.ljust(length)


def _no_constant(word):
    raise ValueError(word)  # NaN and Infinity are Python's, not JSON's


def _no_duplicates(pairs):
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a member twice")
    return dict(pairs)


def read_input(content):
    """(ticket, wealth) of an opened box. Exactly two members, a string and a whole number."""
    try:
        value = json.loads(content.decode(), parse_constant=_no_constant, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError):
        raise Refused(422, "no JSON") from None
    if not isinstance(value, dict) or set(value) != {"ticket", "wealth"} or not isinstance(value["ticket"], str):
        raise Refused(422, "wanted an object of ticket and wealth")
    wealth = value["wealth"]
    if type(wealth) is not int or not 0 <= wealth <= MOST:  # True is an int, too
        raise Refused(422, f"wealth: wanted a whole number from 0 to {MOST}")
    return value["ticket"], wealth


class Round:
    """seal(content, public key) and unseal(box) are the enclave's."""

    def __init__(self, people, seal, unseal):
        self.people = people
        self.seal = seal
        self.unseal = unseal
        # Whoever opens the box with a ticket in it is the participant. Fresh for each start: no input fits another round.
        self.tickets = {name: secrets.token_hex(32) for name in people}
        self.wealth = {}
        for name in people:
            self.ticket(name)  # a key that nothing can be sealed to is found before anybody speaks

    def _check(self, name):
        if name not in self.people:
            raise Refused(404, "no such participant")

    def ticket(self, name):
        self._check(name)
        return self.seal(json.dumps({"ticket": self.tickets[name]}).encode(), self.people[name])

    def submit(self, name, box):
        self._check(name)
        content = self.unseal(box)
        if content is None or len(content) != INPUT_LEN:
            raise Refused(400, f"wanted {INPUT_LEN} bytes, sealed to this enclave")
        ticket, wealth = read_input(content)
        if not hmac.compare_digest(ticket.encode(), self.tickets[name].encode()):
            raise Refused(403, "not the ticket of this participant in this round")
        if name in self.wealth:
            raise Refused(409, "there is an input already, and it stays")
        self.wealth[name] = wealth

    def waiting_for(self):
        return sorted(set(self.people) - set(self.wealth))

    def result(self, name):
        self._check(name)
        if self.waiting_for():
            raise Refused(409, "not all have spoken")
        most = max(self.wealth.values())
        richest = sorted(n for n, wealth in self.wealth.items() if wealth == most)
        return self.seal(filled_up({"richest": richest}, RESULT_LEN), self.people[name])
