#!/usr/bin/env python3
"""Check an evidence pack: python3 verify_pack.py PACK.zip

Stands alone: Python 3.9 or newer and nothing else. The XML signature is checked where signxml, lxml and cryptography
are installed, and is said to be unchecked where they are not. Ends with 0 only where nothing is wrong, and with 1
after naming each file that is.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

MOST_BYTES = 2 * 1024**3
CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"
SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"
GENESIS = "0" * 64
Bodies = dict[str, bytes]
Fault = tuple[str, str]  # the file, and what is wrong with it


class Unchecked(Exception):
    """Something that cannot be checked here, and why."""


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def read(pack: bytes) -> tuple[Bodies, list[Fault]]:
    """The files of a pack, and what is wrong with the container."""
    faults: list[Fault] = []
    bodies: Bodies = {}
    try:
        with zipfile.ZipFile(io.BytesIO(pack)) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > MOST_BYTES:
                return {}, [("pack", "its files are too large together")]
            for entry in entries:
                if entry.filename in bodies:
                    faults.append((entry.filename, "is there twice"))
                try:
                    bodies[entry.filename] = archive.read(entry)
                except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
                    faults.append((entry.filename, f"cannot be read: {error}"))
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, OSError) as error:
        return {}, [("pack", f"is no zip that can be read: {error}")]
    if not faults and rebuilt(bodies) != pack:
        faults.append(("pack", "its container is not as it was written"))
    return bodies, faults


def rebuilt(bodies: Bodies) -> bytes:
    """The container as it is always written."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(bodies):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, bodies[name])
    return out.getvalue()


def check_manifest(bodies: Bodies) -> Iterator[Fault]:
    """Every file is there, is what it was, and there is no other."""
    if sha256(bodies["manifest.json"]) != bodies["manifest.sha256"].decode("ascii", "replace"):
        yield "manifest.json", "is not what manifest.sha256 says"
    manifest = json.loads(bodies["manifest.json"])
    listed = manifest["files"]
    for name, told in sorted(listed.items()):
        if name not in bodies:
            yield name, "is missing"
        elif (sha256(bodies[name]), len(bodies[name])) != (told["sha256"], told["size"]):
            yield name, "is not what the manifest says"
    for name in sorted(set(bodies) - set(listed) - {"manifest.json", "manifest.sha256"}):
        yield name, "is not in the manifest"
    if canonical(manifest) != bodies["manifest.json"]:
        yield "manifest.json", "is not written as it always is"


def check_approval(bodies: Bodies) -> Iterator[Fault]:
    """Two people; and what was approved is what was written and what was sent."""
    row, approval = json.loads(bodies["warning.json"]), json.loads(bodies["approval.json"])
    if not approval["author"] or approval["author"] == approval["approver"]:
        yield "approval.json", "author and approver are not two people"
    if sha256(bodies["cap/approved.xml"]) != approval["body_sha256"]:
        yield "cap/approved.xml", "is not what was approved"
    if sha256(bodies["cap/signed.xml"]) != row["signed_sha256"]:
        yield "cap/signed.xml", "is not what was issued"
    edition = f"editions/{approval['edition']:04}.json"
    if edition not in bodies:
        yield edition, "the edition that was approved is missing"
    elif sha256(bodies[edition]) != approval["content_sha256"]:
        yield edition, "is not the text that was approved"
    for one in json.loads(bodies["editions.json"]):
        name = f"editions/{one['number']:04}.json"
        if sha256(bodies.get(name, b"")) != one["content_sha256"]:
            yield name, "is not the text that was saved"
    if row["approval_id"] != approval["id"] or approval["warning_id"] != row["id"]:
        yield "approval.json", "belongs to another warning"
    if words(bodies["cap/approved.xml"]) != words(bodies["cap/signed.xml"]):
        yield "cap/signed.xml", "says something else than what was approved"


def words(body: bytes) -> str:
    """A message without its signature, always written the same."""
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise ValueError("a message with a DOCTYPE")
    root = ET.fromstring(body)  # noqa: S314 - a DOCTYPE was refused
    if root.tag != f"{CAP}alert":
        raise ValueError("no CAP 1.2 message")
    for child in [one for one in root if one.tag == SIGNATURE]:
        root.remove(child)
    return ET.canonicalize(ET.tostring(root, encoding="unicode"), strip_text=True)


def check_signature(bodies: Bodies) -> Iterator[Fault]:
    """The XML signature, by the certificate whose digest stands in the record of the warning."""
    row = json.loads(bodies["warning.json"])
    if "cap/certificate.der" not in bodies:
        raise Unchecked("there is no certificate in the pack")
    certificate = bodies["cap/certificate.der"]
    if sha256(certificate) != row["certificate_sha256"]:
        yield "cap/certificate.der", "is not the certificate of the record"
        return
    try:
        from cryptography.x509 import load_der_x509_certificate
        from lxml import etree
        from signxml.algorithms import DigestAlgorithm, SignatureMethod
        from signxml.exceptions import SignXMLException
        from signxml.verifier import SignatureConfiguration, XMLVerifier
    except ImportError as error:
        raise Unchecked(f"the signature: {error.name} is not installed") from None
    pinned = load_der_x509_certificate(certificate)
    at = datetime.fromisoformat(row["issued_at"].replace("Z", "+00:00"))
    if not pinned.not_valid_before_utc <= at <= pinned.not_valid_after_utc:
        yield "cap/certificate.der", "was not valid when the message was issued"
        return
    tools = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    root = etree.fromstring(bodies["cap/signed.xml"], tools)
    config = SignatureConfiguration(
        location="./",
        expect_references=1,
        signature_methods=frozenset(
            one for one in SignatureMethod if one.name.endswith(("SHA256", "SHA384", "SHA512"))
        ),
        digest_algorithms=frozenset((DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512)),
        verification_time=at,
    )
    try:
        result = XMLVerifier().verify(root, x509_cert=pinned, expect_config=config)
        signed = result.signed_xml if not isinstance(result, list) else None
        if signed is None or signed.tag != f"{CAP}alert":
            yield "cap/signed.xml", "its signature covers something else than the message"
    except (SignXMLException, ValueError) as error:
        yield "cap/signed.xml", f"its signature does not hold: {' '.join(str(error).split())[:200]}"


def check_times(bodies: Bodies) -> Iterator[Fault]:
    """Written before approved, approved before sent; the approver proved to be there before signing."""
    row, approval = json.loads(bodies["warning.json"]), json.loads(bodies["approval.json"])
    if approval["proved_at"] > approval["at"]:
        yield "approval.json", "the proof of who signed is later than the signature"
    for one in json.loads(bodies["deliveries.json"]):
        if one["approval_id"] != approval["id"] or one["warning_id"] != row["id"]:
            yield "deliveries.json", f"delivery {one['id']} is not of this approval"
        if one["created_at"] < approval["at"]:
            yield "deliveries.json", f"delivery {one['id']} is older than the approval"


def check_deliveries(bodies: Bodies) -> Iterator[Fault]:
    """What was handed out is kept under its digest."""
    for name, body in sorted(bodies.items()):
        if name.startswith(("bodies/", "payloads/")) and sha256(body) != name.split("/", 1)[1]:
            yield name, "its digest is not its name"
    lacking = {one["name"] for one in json.loads(bodies["manifest.json"])["missing"]}
    for one in json.loads(bodies["deliveries.json"]):
        name = f"bodies/{one['payload_sha256']}"
        if name not in bodies and name not in lacking:
            yield name, f"what delivery {one['id']} handed out is missing"


def check_payloads(bodies: Bodies) -> Iterator[Fault]:
    lacking = {one["name"] for one in json.loads(bodies["manifest.json"])["missing"]}
    for one in json.loads(bodies.get("payloads.json", b"[]")):
        name = f"payloads/{one['sha256']}"
        if name not in bodies and name not in lacking:
            yield name, "a payload that readings came from is missing"


def check_audit(bodies: Bodies) -> Iterator[Fault]:
    """Each entry about the warning has its hash, and each is bound to the one before, to the last."""
    entries = json.loads(bodies["audit.json"])
    before = None
    for entry in entries:
        if before is not None and (entry["seq"], entry["previous"]) != (before["seq"] + 1, before["hash"]):
            yield "audit.json", f"entry {entry['seq']} does not follow entry {before['seq']}"
        if entry["seq"] == 1 and entry["previous"] != GENESIS:
            yield "audit.json", "the first entry has one before it"
        if "action" in entry:
            names = ("seq", "at", "actor", "action", "object", "detail", "previous")
            if sha256(canonical({name: entry[name] for name in names})) != entry["hash"]:
                yield "audit.json", f"entry {entry['seq']} is not what it was"
        before = entry
    known = {entry["seq"]: entry["hash"] for entry in entries}
    for anchor in json.loads(bodies.get("anchors.json", b"[]")):
        if known.get(anchor["seq"]) != anchor["hash"]:
            yield "anchors.json", f"the head kept elsewhere at {anchor['seq']} is another"
    issued = [entry for entry in entries if entry.get("action") == "warning.issued"]
    row = json.loads(bodies["warning.json"])
    if not any(entry["detail"].get("signed_sha256") == row["signed_sha256"] for entry in issued):
        yield "audit.json", "the chain does not tell that these bytes were issued"


CHECKS: tuple[tuple[str, Callable[[Bodies], Iterator[Fault]]], ...] = (
    ("files and digests", check_manifest),
    ("two people, approved text and sent message", check_approval),
    ("signature of the message", check_signature),
    ("order of times", check_times),
    ("bodies of deliveries", check_deliveries),
    ("payloads of readings", check_payloads),
    ("audit chain", check_audit),
)


def verify(pack: bytes) -> tuple[list[str], list[Fault], list[str], list[str]]:
    """What holds, what is wrong, what could not be checked, and what the pack itself says is missing."""
    bodies, faults = read(pack)
    if not bodies and not faults:
        faults = [("pack", "is empty")]
    good: list[str] = []
    unchecked: list[str] = []
    for title, check in CHECKS if bodies else ():
        try:
            found = list(check(bodies))
        except Unchecked as reason:
            unchecked.append(str(reason))
            continue
        except KeyError as error:
            found = [(str(error.args[0]), "is missing or incomplete")]
        except (ValueError, TypeError, AttributeError, SyntaxError) as error:
            found = [(title, f"cannot be read: {error}")]
        faults += found
        if not found:
            good.append(title)
    missing = []
    if not faults:
        missing = [f"{one['name']}: {one['reason']}" for one in json.loads(bodies["manifest.json"])["missing"]]
    return good, faults, unchecked, missing


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print(__doc__)
        return 2
    try:
        with open(arguments[0], "rb") as file:  # noqa: PTH123 - as plain as can be
            pack = file.read()
    except OSError as error:
        print(f"cannot be opened: {error}")
        return 2
    good, faults, unchecked, missing = verify(pack)
    print("".join(f"holds        {one}\n" for one in good), end="")
    print("".join(f"not checked  {one}\n" for one in unchecked), end="")
    print("".join(f"not in pack  {one}\n" for one in missing), end="")
    print("".join(f"WRONG        {name}: {reason}\n" for name, reason in dict.fromkeys(faults)), end="")
    print("pack sha256  " + sha256(pack))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
