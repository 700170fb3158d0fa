# SPDX-License-Identifier: Apache-2.0
"""The made-up vendor below guest_world: what it leaves in a folder, in the form of a collateral file."""
import base64
import json

AT = "2026-01-01T00:00:00Z"  # the vendor's collateral is of that day


def signed(folder, name, member):
    body, signature = (folder / name).read_text(), (folder / (name + ".sig")).read_bytes()
    return f'{{"{member}":{body},"signature":"{signature.hex()}"}}'


def pem(folder, *names):
    out = ""
    for name in names:
        text = base64.encodebytes((folder / name).read_bytes()).decode().replace("\n", "")
        lines = "\n".join(text[i:i + 64] for i in range(0, len(text), 64))
        out += f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"
    return out


def write_collateral(folder):
    """What the vendor says, in the form of a collateral file."""
    chain = (folder / "signing.pem").read_text()
    crl = {name: base64.b64encode((folder / name).read_bytes()).decode() for name in ("pck_crl", "root_ca_crl")}
    (folder / "collateral.json").write_text(json.dumps({"version": 1, "collected_at": AT, "collateral": {
        "tcb_info": signed(folder, "tcb_info", "tcbInfo"), "tcb_info_issuer_chain": chain,
        "qe_identity": signed(folder, "qe_identity", "enclaveIdentity"), "qe_identity_issuer_chain": chain,
        "pck_crl_issuer_chain": pem(folder, "ca.der", "root.der"), **crl}}))
    (folder / "root.pem").write_text(pem(folder, "root.der"))
