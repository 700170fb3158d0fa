# SPDX-License-Identifier: Apache-2.0
"""Sealed boxes of libsodium, which the runtime of the enclave brings along."""

import ctypes

EXTRA = 48  # bytes that a box is longer than its content
KEY = 32

_sodium = ctypes.CDLL("libsodium.so.23")
_sodium.crypto_box_seal.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulonglong, ctypes.c_char_p]
_sodium.crypto_box_seal_open.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulonglong, ctypes.c_char_p,
                                         ctypes.c_char_p]
if _sodium.sodium_init() < 0:
    raise OSError("libsodium cannot be used")


def seal(content, public):
    """A box that only the owner of the public key opens; ValueError for what is no key."""
    box = ctypes.create_string_buffer(len(content) + EXTRA)
    if len(public) != KEY or _sodium.crypto_box_seal(box, content, len(content), public) != 0:
        raise ValueError("no X25519 key")
    return box.raw


def unseal(box, public, secret):
    """What is in the box; None if it was sealed to another key, or changed."""
    if len(box) < EXTRA or len(public) != KEY or len(secret) != KEY:
        return None
    content = ctypes.create_string_buffer(max(len(box) - EXTRA, 1))
    if _sodium.crypto_box_seal_open(content, box, len(box), public, secret) != 0:
        return None
    return content.raw[:len(box) - EXTRA]
