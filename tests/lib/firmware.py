# SPDX-License-Identifier: Apache-2.0
"""Firmware and EFI images that the tests make up: the same bytes on every machine, nothing of anybody else's. Run with a
folder, it writes all of them there (so that other tools can be asked about them)."""
import pathlib
import struct
import sys
import uuid

FOOTER = "96b582de-1fb2-45f7-baea-a366c55a082d"
RESET = "00f771de-1a7e-4fcb-890e-68c77e2fb44e"
HASHES = "7255371f-3a3b-4b04-927b-1da6efa8d454"
SEV = "dc886566-984a-4798-a75e-5585a7bf67cc"
TDVF = "e47a6535-984a-4798-865e-4685a7bf8ec2"
PAGE = 4096
TOP = 1 << 32


def noise(length, seed):
    return bytes((7 * i + 11 * (i >> 8) + seed) % 256 for i in range(length))


def entry(guid, data):
    return data + struct.pack("<H", len(data) + 18) + uuid.UUID(guid).bytes_le


def put(image, at, data):
    image[at:at + len(data)] = data


def firmware(pages=20, reset=0x80b004, hashes=0x810c00, sev=None, tdvf=None, seed=3):
    """sev: (address, length, type) each; tdvf: (offset, length, address, memory, type, attributes) each; None: no list."""
    size = pages * PAGE
    image = bytearray(noise(size, seed))
    table = b""
    if tdvf is not None:
        put(image, size - 0x910, uuid.UUID("e9eaf9f3-168e-44d5-a8eb-7f4d8738f6ae").bytes_le)
        put(image, size - 0x900, struct.pack("<4sIII", b"TDVF", 16 + 32 * len(tdvf), 1, len(tdvf)) +
            b"".join(struct.pack("<IIQQII", *s) for s in tdvf))
        table += entry(TDVF, struct.pack("<I", 0x900))
    if sev is not None:
        put(image, size - 0x600, struct.pack("<4sIII", b"ASEV", 16 + 12 * len(sev), 1, len(sev)) +
            b"".join(struct.pack("<III", *s) for s in sev))
        table += entry(SEV, struct.pack("<I", 0x600))
    if hashes is not None:
        table += entry(HASHES, struct.pack("<II", hashes, 0x400))
    table += entry("4c2eb361-7d9b-4cc3-8081-127c90d3d294", bytes(8))
    if reset is not None:
        table += entry(RESET, struct.pack("<I", reset))
    table += entry(FOOTER, b"")
    table = table[:-18] + struct.pack("<H", len(table)) + table[-16:]
    put(image, size - 32 - len(table), table)
    return bytes(image)


def sections(pages=20, kernel=True):
    """Lists like those of real firmware."""
    size = pages * PAGE
    sev = [(0x800000, 0x9000, 1), (0x80a000, 0x3000, 1), (0x80d000, PAGE, 2), (0x80e000, PAGE, 3), (0x80f000, PAGE, 4)]
    sev += [(0x810000, PAGE, 0x10)] if kernel else []
    sev += [(0x811000, 0xf000, 1)]
    variables = 4 * PAGE
    tdvf = [(variables, size - variables, TOP - size + variables, size - variables, 0, 1),
            (0, variables, TOP - size, variables, 1, 0), (0, 0, 0x810000, 0x10000, 3, 0), (0, 0, 0x80b000, 0x2000, 3, 0),
            (0, 0, 0x809000, 0x2000, 2, 0), (0, 0, 0x800000, 0x6000, 3, 0)]
    return sev, tdvf


def pe(parts, certificates=b"", directories=16, order=None, tail=b""):
    """An EFI image with sections (name, content, virtual length or None). order: of the table; default: of the file."""
    align = 512
    opt = 112 + 8 * directories
    head = 64 + 4 + 20 + opt + 40 * len(parts)
    head += -head % align
    at = head
    rows = []
    body = b""
    for i, (name, content, virtual) in enumerate(parts):
        raw = content + bytes(-len(content) % align)
        rows.append(struct.pack("<8sIIII12xI", name.encode(), len(content) if virtual is None else virtual,
                                0x1000 * (i + 1), len(raw), at if raw else 0, 0x40000040))
        at += len(raw)
        body += raw
    body += tail
    directory = [(0, 0)] * directories
    if certificates and directories > 4:
        directory[4] = (head + len(body), len(certificates))
    optional = struct.pack("<HBBIIIII", 0x20b, 2, 38, 0, 0, 0, 0x1000, 0x1000)
    optional += struct.pack("<QII6HIIIIHHQQQQII", 0x10000, 0x1000, align, 0, 0, 0, 0, 0, 0, 0, 0x100000, head, 0x12345678, 10,
                            0, 0, 0, 0, 0, 0, directories)
    optional += b"".join(struct.pack("<II", *d) for d in directory)
    dos = b"MZ" + bytes(58) + struct.pack("<I", 64)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, len(rows), 0, 0, 0, len(optional), 0x206)
    rows = [rows[i] for i in order] if order else rows
    top = dos + coff + optional + b"".join(rows)
    return top + bytes(head - len(top)) + body + certificates


KERNEL = pe([(".setup", noise(1500, 1), None), (".text", noise(9000, 5), None), (".data", noise(700, 9), None)])
INITRD = noise(5000, 21)
COMMAND = "root=/dev/mapper/root ro console=ttyS0"
STUB = [(".text", noise(3000, 31), None), (".osrel", b"ID=mse\n", None), (".cmdline", COMMAND.encode(), None)]
UNIFIED = pe(STUB + [(".linux", KERNEL, None), (".initrd", INITRD, None)])
SIGNED = pe([(".text", noise(2000, 41), None), (".data", noise(3000, 42), None)], certificates=noise(1600, 43), order=[1, 0])


def files():
    sev, tdvf = sections()
    plain, _ = sections(kernel=False)
    return {"fw": firmware(sev=sev, tdvf=tdvf), "fw-plain": firmware(pages=12, sev=plain, hashes=None, seed=77),
            "fw-tdx": firmware(pages=40, tdvf=sections(pages=40)[1], reset=None, seed=9), "kernel.efi": KERNEL,
            "initrd": INITRD, "uki.efi": UNIFIED, "signed.efi": SIGNED}


if __name__ == "__main__":
    for name, data in files().items():
        (pathlib.Path(sys.argv[1]) / name).write_bytes(data)
