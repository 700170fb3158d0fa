# SPDX-License-Identifier: Apache-2.0
"""fake_trust.py CONF DOMAIN PORT PEM: writes into the configuration folder CONF that this certificate was verified, as
mse trust add does after a verification: for tests of what follows from that."""
import hashlib
import pathlib
import shutil
import sys

from cryptography import x509
from cryptography.hazmat.primitives import serialization

conf, domain, port, pem = sys.argv[1:]
conf = pathlib.Path(conf)
spki = x509.load_pem_x509_certificate(pathlib.Path(pem).read_bytes()).public_key().public_bytes(
    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
(conf / "trust").mkdir(parents=True, exist_ok=True)
shutil.copy(pem, conf / "trust" / (f"{domain}.pem" if port == "443" else f"{domain}_{port}.pem"))
with open(conf / "trust.toml", "a", encoding="ascii") as f:
    f.write(f'[[app]]\ndomain = "{domain}"\nport = {port}\ntee = "sgx"\nfingerprint = "{"ab" * 32}"\nlevel = 2\n'
            f'spki_sha256 = "{hashlib.sha256(spki).hexdigest()}"\nsimulated = false\nverified_at = 2026-01-31T12:00:00Z\n')
(conf / "trust.toml").chmod(0o600)
