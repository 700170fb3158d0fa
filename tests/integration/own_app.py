# SPDX-License-Identifier: Apache-2.0
"""An app put together without mse: its manifest, its plain package, as docs/protocol.md says."""
import hashlib
import io
import json
import os
import pathlib
import secrets
import tarfile
import time


def rows(tag, salt, files):
    """The digest of a tree: files is path -> (content, executable)."""
    out = tag + b"\0" + salt
    for path in sorted(files, key=lambda p: p.encode()):
        content, executable = files[path]
        out += len(path.encode()).to_bytes(4, "little") + path.encode() + bytes([executable])
        out += len(content).to_bytes(8, "little") + hashlib.sha256(content).digest()
    return hashlib.sha256(out).digest()


def tree(folder):
    return {str(p.relative_to(folder)): (p.read_bytes(), os.access(p, os.X_OK)) for p in folder.rglob("*") if p.is_file()}


def tarball(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(files, key=lambda p: p.encode()):
            content, executable = files[path]
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(content), 0o755 if executable else 0o644
            tar.addfile(info, io.BytesIO(content))
        end = tar.offset
    return out.getvalue()[:end] + bytes(1024)


def stamp(ahead):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + ahead))


def libpal():
    """A loader that is measured, and never run."""
    head = b"\x7fELF\2\1\1" + bytes(9) + (3).to_bytes(2, "little") + (62).to_bytes(2, "little") + (1).to_bytes(4, "little")
    head += (0x200).to_bytes(8, "little") + (64).to_bytes(8, "little") + bytes(12)
    head += b"".join(n.to_bytes(2, "little") for n in (64, 56, 1, 64, 0, 0))
    segment = (1).to_bytes(4, "little") + (5).to_bytes(4, "little")
    segment += b"".join(n.to_bytes(8, "little") for n in (0, 0, 0, 0x1000, 0x1000, 0x1000))
    return (head + segment).ljust(0x1000, b"\xc3")


class OwnApp:
    """folder gets manifest.json and package."""

    def __init__(self, folder, code, runtime, **changed):
        self.salt = os.urandom(32)
        files = tree(pathlib.Path(code))
        ident = "6f9a2e6e-2b1c-4f0e-9a57-" + secrets.token_hex(6)
        self.manifest = {
            "alpn": ["http/1.1"], "app_id": ident, "certificate": "leaf",
            "code_digest": rows(b"mse-code-v1", self.salt, files).hex(), "command": ["./server"],
            "config_domain_name": ident + ".mse.localhost", "created_at": stamp(-60), "egress": False,
            "enclave_size": 64 << 20, "env": {}, "expects": [], "expires_at": stamp(86400), "healthcheck_endpoint": "/health",
            "ignore": 1, "legacy_extension": False, "logs": "plain", "name": "native", "package": "plain",
            "proxy_protocol": False, "replicas": 1, "restart": "never", "rootfs": {"name": "host"},
            "runtime": hashlib.sha256(pathlib.Path(runtime).read_bytes()).hexdigest(), "san": "app.localhost",
            "ssl_certificate_origin": "self", "upgrade": {"none": True}, "version": 1, "workers": 1, **changed}
        self.text = json.dumps(self.manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        (folder / "manifest.json").write_text(self.text)
        (folder / "package").write_bytes(b"MSEPKG0\0" + self.header() + bytes(32) + self.salt +
                                         tarball(files))

    def header(self):
        """What the package names: the manifest, or what that has in its place."""
        own = self.manifest.get("package_header")
        return bytes.fromhex(own) if own else hashlib.sha256(self.text.encode()).digest()
