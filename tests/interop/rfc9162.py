#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""RFC 9162's Merkle trees and C2SP's forms of logs, written from the specifications: hashlib, and Ed25519 of
python3-cryptography. It shares nothing with mse, whose logs it checks, and makes logs that mse checks.

usage: rfc9162.py audit PUBLIC KEY             every tile, bundle and the checkpoint of a served folder; prints size and root
       rfc9162.py proof FILE KEY [OLD]         a tlog-proof; with OLD, a checkpoint, that its consistency proof holds
       rfc9162.py make DIR ORIGIN N [SALT]     a keeper's folder with N entries (which SALT makes others)
       rfc9162.py against PROGRAM N            all proofs of all sizes up to N, and mutated ones: mse's log_proofs makes the
                                               same, and judges them alike
       rfc9162.py witness CHECKPOINT KEY       the time of a cosignature
       rfc9162.py cosign CHECKPOINT NAME OUT   cosigns; prints the witness's key
"""
import base64
import hashlib
import pathlib
import subprocess
import sys
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def leaf_hash(entry):
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(n):
    """The largest power of two smaller than n."""
    return 1 << (n - 1).bit_length() - 1


def mth(leaves):
    """2.1.1, over hashes of leaves."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node_hash(mth(leaves[:k]), mth(leaves[k:]))


def path(m, leaves):
    """2.1.3.1"""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return path(m, leaves[:k]) + [mth(leaves[k:])]
    return path(m - k, leaves[k:]) + [mth(leaves[:k])]


def subproof(m, leaves, whole):
    """2.1.4.1"""
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = split(len(leaves))
    if m <= k:
        return subproof(m, leaves[:k], whole) + [mth(leaves[k:])]
    return subproof(m - k, leaves[k:], False) + [mth(leaves[:k])]


def root_of_path(index, size, leaf, proof):
    """The root that a path leads to: its definition, turned around."""
    if size == 1:
        assert not proof, "too many hashes"
        return leaf
    assert proof, "too few hashes"
    k = split(size)
    if index < k:
        return node_hash(root_of_path(index, k, leaf, proof[:-1]), proof[-1])
    return node_hash(proof[-1], root_of_path(index - k, size - k, leaf, proof[:-1]))


def roots_of_link(m, n, proof, whole, old_root):
    """The old root and the new one that a consistency proof leads to."""
    if m == n:
        if whole:
            assert not proof, "too many hashes"
            return old_root, old_root
        assert len(proof) == 1
        return proof[0], proof[0]
    assert proof, "too few hashes"
    k = split(n)
    if m <= k:
        old, new = roots_of_link(m, k, proof[:-1], whole, old_root)
        return old, node_hash(new, proof[-1])
    old, new = roots_of_link(m - k, n - k, proof[:-1], False, old_root)
    return node_hash(proof[-1], old), node_hash(proof[-1], new)


def key_id(name, kind, public):
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


class Key:
    def __init__(self, text):
        self.name, number, value = text.strip().split("+", 2)
        raw = base64.b64decode(value, validate=True)
        self.kind, public = raw[0], raw[1:]
        assert len(public) == 32 and key_id(self.name, self.kind, public).hex() == number
        self.id = bytes.fromhex(number)
        self.public = Ed25519PublicKey.from_public_bytes(public)


class Checkpoint:
    def __init__(self, note):
        body, _, signatures = note.rpartition(b"\n\n")
        self.text = body + b"\n"
        lines = self.text.decode().split("\n")
        self.origin, self.size, self.root = lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)
        assert str(self.size) == lines[1] and len(self.root) == 32 and note.endswith(b"\n")
        self.signatures = [line.split(" ") for line in signatures.decode().splitlines()]

    def signature(self, key):
        for dash, name, value in self.signatures:
            raw = base64.b64decode(value, validate=True)
            if dash == "—" and name == key.name and raw[:4] == key.id:
                return raw[4:]
        raise AssertionError("no signature of " + key.name)

    def verify(self, key):
        assert key.kind == 1 and self.origin == key.name
        key.public.verify(self.signature(key), self.text)

    def cosigned(self, key):
        assert key.kind == 4
        raw = self.signature(key)
        at = int.from_bytes(raw[:8], "big")
        key.public.verify(raw[8:], b"cosignature/v1\ntime %d\n" % at + self.text)
        return at


def number_path(n):
    parts = ["%03d" % (n % 1000)]
    while n >= 1000:
        n //= 1000
        parts.insert(0, "x%03d" % (n % 1000))
    return "/".join(parts)


def tiles(size, level):
    """(path, first hash, width) of all tiles of a level."""
    hashes = size >> 8 * (level if level != "entries" else 0)
    for first in range(0, hashes, 256):
        width = min(256, hashes - first)
        yield "tile/%s/%s" % (level, number_path(first // 256)) + ("" if width == 256 else ".p/%d" % width), first, width


def entries_of(bundle):
    out = []
    while bundle:
        n = int.from_bytes(bundle[:2], "big")
        assert len(bundle) >= 2 + n
        out.append(bundle[2:2 + n])
        bundle = bundle[2 + n:]
    return out


def audit(public, key):
    public = pathlib.Path(public)
    head = Checkpoint((public / "checkpoint").read_bytes())
    head.verify(key)
    leaves = []
    for name, _, width in tiles(head.size, "entries"):
        bundle = entries_of((public / name).read_bytes())
        assert len(bundle) == width, name
        leaves += [leaf_hash(e) for e in bundle]
    assert mth(leaves) == head.root, "the entries do not hash to the root"
    level, hashes = 0, leaves
    while hashes:
        for name, first, width in tiles(head.size, level):
            assert (public / name).read_bytes() == b"".join(hashes[first:first + width]), name
        hashes = [mth(hashes[i:i + 256]) for i in range(0, len(hashes) - 255, 256)]
        level += 1
    print(head.size, base64.b64encode(head.root).decode())


def proof(name, key, old):
    text = pathlib.Path(name).read_bytes()
    top, _, note = text.partition(b"\n\n")
    lines = top.decode().split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    extra = base64.b64decode(lines[1].removeprefix("extra "), validate=True)
    index = int(lines[2].removeprefix("index "))
    hashes = [base64.b64decode(h, validate=True) for h in lines[3:]]
    head = Checkpoint(note)
    head.verify(key)
    entry, _, link = extra.partition(b"\n\n")
    entry += b"\n" if link else b""
    assert root_of_path(index, head.size, leaf_hash(entry), hashes) == head.root, "not in the tree"
    if old:
        before = Checkpoint(pathlib.Path(old).read_bytes())
        before.verify(key)
        first, *rest = link.decode().splitlines()
        assert first == "since %d" % before.size
        rest = [base64.b64decode(h, validate=True) for h in rest]
        if before.size == 0:
            assert not rest and before.root == mth([]), "anything extends nothing, by no proof"
        else:
            assert roots_of_link(before.size, head.size, rest, True, before.root) == (before.root, head.root)
    sys.stdout.write(entry.decode())


def sign(secret, kind, name, text, at=None):
    public = secret.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    raw = key_id(name, kind, public)
    if kind == 4:
        raw += at.to_bytes(8, "big") + secret.sign(b"cosignature/v1\ntime %d\n" % at + text)
    else:
        raw += secret.sign(text)
    line = "— %s %s\n" % (name, base64.b64encode(raw).decode())
    key = "%s+%s+%s" % (name, key_id(name, kind, public).hex(), base64.b64encode(bytes([kind]) + public).decode())
    return line.encode(), key


def make_entry(i, salt):
    fingerprint = hashlib.sha256(b"%d" % i + salt).hexdigest()
    return ("mse-log-entry/1\nkind sgx\nfingerprint %s\nname entry %d\ndate 2026-01-02T03:04:05Z\n" % (fingerprint, i)).encode()


def make(folder, origin, count, salt):
    folder = pathlib.Path(folder)
    seed = hashlib.sha256(origin.encode()).digest()
    secret = Ed25519PrivateKey.from_private_bytes(seed)
    entries = [make_entry(i, salt) for i in range(count)]
    leaves = [leaf_hash(e) for e in entries]

    def put(name, content):
        target = folder / "public" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    for name, first, width in tiles(count, "entries"):
        put(name, b"".join(len(e).to_bytes(2, "big") + e for e in entries[first:first + width]))
    level, hashes = 0, leaves
    while hashes:
        for name, first, width in tiles(count, level):
            put(name, b"".join(hashes[first:first + width]))
        hashes = [mth(hashes[i:i + 256]) for i in range(0, len(hashes) - 255, 256)]
        level += 1
    text = ("%s\n%d\n%s\n" % (origin, count, base64.b64encode(mth(leaves)).decode())).encode()
    line, key = sign(secret, 1, origin, text)
    note = text + b"\n" + line
    put("checkpoint", note)
    put("log.pub", key.encode() + b"\n")
    (folder / "signed").write_bytes(note)
    name, number, _ = key.split("+", 2)
    private = "PRIVATE+KEY+%s+%s+%s\n" % (name, number, base64.b64encode(b"\x01" + seed).decode())
    (folder / "log.key").write_text(private)


def cosign(name, witness, out):
    head = Checkpoint(pathlib.Path(name).read_bytes())
    secret = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(witness.encode()).digest())
    line, key = sign(secret, 4, witness, head.text, int(time.time()))
    pathlib.Path(out).write_bytes(pathlib.Path(name).read_bytes() + line)
    print(key)


def line(kind, m, n, first, root, hashes):
    return f"{kind} {m} {n} {first.hex()} {root.hex()} ={b''.join(hashes).hex()}"


def holds(kind, m, n, first, root, hashes):
    """What turns a proof around says so."""
    try:
        if kind == "i":
            return m < n and root_of_path(m, n, first, hashes) == root
        if m == 0:
            return not hashes and first == mth([]) and (n > 0 or root == first)
        return m <= n and roots_of_link(m, n, hashes, True, first) == (first, root)
    except AssertionError:
        return False


def mutated(kind, m, n, first, root, hashes):
    for at in range(len(hashes)):
        wrong = bytearray(hashes[at])
        wrong[(at + m) % 32] ^= 1 << n % 8
        yield kind, m, n, first, root, hashes[:at] + [bytes(wrong)] + hashes[at + 1:]
    yield kind, m, n, first, root, hashes[:-1]
    yield kind, m, n, first, root, hashes[1:]
    yield kind, m, n, first, root, hashes + [root]
    yield kind, m, n, first, root, [first] + hashes
    yield kind, m, n, first, root, hashes[::-1]
    for other in (m - 1, m + 1, m ^ 1):
        if other >= 0:
            yield kind, other, n, first, root, hashes
    for other in (n - 1, n + 1, 2 * n):
        yield kind, m, other, first, root, hashes
    yield kind, m, n, root, first, hashes
    yield kind, m, n, leaf_hash(first), root, hashes
    yield kind, m, n, first, leaf_hash(root), hashes


def against(program, most):
    leaves = [leaf_hash(b"%d" % i) for i in range(most)]
    good = []
    for n in range(1, most + 1):
        root = mth(leaves[:n])
        good += [("i", i, n, leaves[i], root, path(i, leaves[:n])) for i in range(n)]
        good += [("c", m, n, mth(leaves[:m]), root, subproof(m, leaves[:n], True) if m else []) for m in range(n + 1)]
    made = subprocess.run([program, "make", str(most)], capture_output=True, text=True, check=True).stdout.splitlines()
    assert made == [line(*g) for g in good], "the proofs that are made differ"
    bad = [b for g in good for b in mutated(*g) if b != g]
    text = "".join(line(*p) + "\n" for p in good + bad)
    said = subprocess.run([program, "judge"], input=text, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(said) == len(good) + len(bad), "not every proof was judged"
    for p, status in zip(good + bad, said):
        assert holds(*p) == (status == "ok"), f"{line(*p)}: {status}"
    assert all(status == "ok" for status in said[:len(good)])
    refused = sum(status != "ok" for status in said)
    print(f"{len(good)} proofs, {refused} of {len(bad)} mutated ones refused")


def main():
    command, *a = sys.argv[1:]
    if command == "audit":
        audit(a[0], Key(pathlib.Path(a[1]).read_text()))
    elif command == "proof":
        proof(a[0], Key(pathlib.Path(a[1]).read_text()), a[2] if len(a) > 2 else None)
    elif command == "make":
        make(a[0], a[1], int(a[2]), a[3].encode() if len(a) > 3 else b"")
    elif command == "witness":
        print(Checkpoint(pathlib.Path(a[0]).read_bytes()).cosigned(Key(a[1])))
    elif command == "cosign":
        cosign(*a)
    elif command == "against":
        against(a[0], int(a[1]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
