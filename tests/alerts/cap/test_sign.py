"""Signatures: made, believed with a pinned certificate alone, and each attack refused with an error of its own."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from lxml import etree

from alerts.cap.check import check
from alerts.cap.finding import REJECT, Weight
from alerts.cap.message import Context
from alerts.cap.parse import parse
from alerts.cap.sign import Signer, load_signer, sign, verify
from data.errors import (
    Altered,
    CertificateNotValid,
    ConfigError,
    NotSigned,
    SignatureFault,
    UnsafeSignature,
    WarningError,
    WrongKey,
)
from tests.alerts.cap.messages import GOOD, NOW

SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"
METHOD = b"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"


def certificate(key: Any, *, name: str = "office", start: datetime = NOW - timedelta(days=1), days: int = 365,
                signing: bool = True) -> x509.Certificate:  # fmt: skip
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = x509.KeyUsage(
        digital_signature=signing, content_commitment=False, key_encipherment=not signing, data_encipherment=False,
        key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(start)
        .not_valid_after(start + timedelta(days=days)).add_extension(usage, critical=True)
    )  # fmt: skip
    return builder.sign(key, hashes.SHA256())


@dataclass(frozen=True)
class Office:
    signer: Signer
    signed: bytes

    @property
    def pinned(self) -> tuple[x509.Certificate]:
        return (self.signer.certificate,)


@pytest.fixture(scope="module")
def office() -> Office:
    key = ec.generate_private_key(ec.SECP256R1())
    signer = Signer(key, certificate(key))
    return Office(signer, sign(GOOD.encode(), signer, now=NOW))


def other() -> Signer:
    key = ec.generate_private_key(ec.SECP256R1())
    return Signer(key, certificate(key, name="somebody"))


def root_of(body: bytes) -> etree._Element:
    return etree.fromstring(body)


def rules(body: bytes, weight: Weight = REJECT, **context: Any) -> set[str]:
    return {one.rule for one in check(body, Context(now=NOW, **context)) if one.weight is weight}


def test_signed_message_is_the_one_that_was_meant(office: Office) -> None:
    assert verify(office.signed, office.pinned, now=NOW) == parse(GOOD.encode()) == parse(office.signed)
    assert METHOD in office.signed and office.signed.count(b"<ds:Signature ") == 1
    assert root_of(office.signed)[-1].tag == SIGNATURE


def test_signed_message_passes_every_rule_with_its_certificate(office: Office) -> None:
    assert {one.rule for one in check(office.signed, Context(now=NOW, certificates=office.pinned))} == set()
    assert {one.rule for one in check(office.signed, Context(now=NOW))} == {"C62"}


def test_one_of_several_pinned_certificates_is_enough(office: Office) -> None:
    pinned = (other().certificate, *office.pinned)
    assert verify(office.signed, pinned, now=NOW).identifier.endswith(".2")


def test_key_of_rsa_signs_too() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    signer = Signer(key, certificate(key))
    assert verify(sign(GOOD.encode(), signer, now=NOW), (signer.certificate,), now=NOW) == parse(GOOD.encode())


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (b"River flood tonight", b"EVACUATE EVERYBODY", Altered),
        (b"<status>Actual", b"<status>Test", Altered),
        (b"<info>", b"\n <info>", Altered),
        (METHOD, b"http://www.w3.org/2000/09/xmldsig#rsa-sha1", UnsafeSignature),
        (b'URI=""', b'URI="#part"', UnsafeSignature),
        (b"<ds:SignatureValue>", b"<ds:SignatureValue>AAAA", WrongKey),
    ],
    ids=["text", "status", "white_space", "weak_method", "part_only", "value"],
)
def test_changed_message_is_refused(office: Office, old: bytes, new: bytes, fault: type[SignatureFault]) -> None:
    body = office.signed.replace(old, new, 1)
    assert body != office.signed
    with pytest.raises(fault) as raised:
        verify(body, office.pinned, now=NOW)
    assert type(raised.value) is fault
    assert rules(body, certificates=office.pinned) & {"C60", "C61"}


def test_comment_in_signed_text_says_nothing(office: Office) -> None:
    body = office.signed.replace(b"River flood tonight", b"River <!-- no -->flood tonight")
    assert verify(body, office.pinned, now=NOW).info[0].headline == "River flood tonight"


def test_forgery_with_its_own_certificate_inside_is_refused(office: Office) -> None:
    forged = sign(GOOD.replace("tonight", "never").encode(), other(), now=NOW)
    with pytest.raises(WrongKey):
        verify(forged, office.pinned, now=NOW)
    assert "C61" in rules(forged, certificates=office.pinned)
    assert "C62" in {one.rule for one in check(forged, Context(now=NOW))}, "no certificate pinned: unverified"


def test_nothing_is_believed_without_a_pinned_certificate(office: Office) -> None:
    with pytest.raises(WrongKey, match="pinned"):
        verify(office.signed, (), now=NOW)


def test_unsigned_message_is_said_to_be_unsigned(office: Office) -> None:
    with pytest.raises(NotSigned):
        verify(GOOD.encode(), office.pinned, now=NOW)
    assert rules(GOOD.encode(), certificates=office.pinned) == set(), "kept, and shown as unverified"


def around(office: Office) -> bytes:
    """A message that wraps the genuine one."""
    evil = root_of(GOOD.replace("tonight", "never").encode())
    evil.append(root_of(office.signed))
    return etree.tostring(evil)


def moved(office: Office) -> bytes:
    """The genuine signature at another message."""
    evil = root_of(GOOD.replace("tonight", "never").encode())
    evil.append(copy.deepcopy(root_of(office.signed)[-1]))
    return etree.tostring(evil)


def hidden(office: Office) -> bytes:
    """The genuine message inside its own signature, with another text around."""
    evil, genuine = root_of(GOOD.replace("tonight", "never").encode()), root_of(office.signed)
    signature = copy.deepcopy(genuine[-1])
    holder = etree.SubElement(signature, "{http://www.w3.org/2000/09/xmldsig#}Object")
    holder.append(root_of(GOOD.encode()))
    evil.append(signature)
    return etree.tostring(evil)


def twice(office: Office) -> bytes:
    root = root_of(office.signed)
    root.append(copy.deepcopy(root[-1]))
    return etree.tostring(root)


def not_last(office: Office) -> bytes:
    root = root_of(office.signed)
    root.insert(3, root[-1])
    return etree.tostring(root)


def other_root(office: Office) -> bytes:
    return b"<feed>" + office.signed.split(b"\n", 1)[1] + b"</feed>"


@pytest.mark.parametrize("attack", [around, moved, hidden, twice, not_last, other_root], ids=lambda one: one.__name__)
def test_wrapped_or_moved_signature_gives_nothing(office: Office, attack: Any) -> None:
    body = attack(office)
    with pytest.raises((UnsafeSignature, Altered)):
        verify(body, office.pinned, now=NOW)
    assert rules(body, certificates=office.pinned)


@pytest.mark.parametrize("shift", [timedelta(days=400), -timedelta(days=2)], ids=["expired", "not_yet_valid"])
def test_certificate_must_be_valid_then(office: Office, shift: timedelta) -> None:
    with pytest.raises(CertificateNotValid):
        verify(office.signed, office.pinned, now=NOW + shift)
    with pytest.raises(CertificateNotValid):
        sign(GOOD.encode(), office.signer, now=NOW + shift)


def test_certificate_of_another_use_is_refused() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(CertificateNotValid, match="not meant"):
        sign(GOOD.encode(), Signer(key, certificate(key, signing=False)), now=NOW)


def test_expired_certificate_of_an_old_message_is_judged_at_its_sending(office: Office) -> None:
    late = Context(now=NOW + timedelta(days=400), certificates=office.pinned)
    assert not {one.rule for one in check(office.signed, late)} & {"C60", "C61", "C62"}
    issuing = Context(now=NOW + timedelta(days=400), certificates=office.pinned, issuing=True)
    assert {"C60", "C61"} <= {one.rule for one in check(office.signed, issuing)}


def test_certificate_that_cannot_be_read_is_a_finding(office: Office) -> None:
    root = root_of(office.signed)
    next(root.iter("{*}X509Certificate")).text = "AAAA"
    assert "C60" in rules(etree.tostring(root))


def test_message_is_signed_once(office: Office) -> None:
    with pytest.raises(UnsafeSignature, match="already"):
        sign(office.signed, office.signer, now=NOW)


def test_what_is_no_message_is_not_signed(office: Office) -> None:
    with pytest.raises(WarningError):
        sign(b"<alert/>", office.signer, now=NOW)
    with pytest.raises(WarningError):
        verify(b"rubbish", office.pinned, now=NOW)


def files(folder: Path, signer: Signer, *, mode: int = 0o600, passphrase: bytes | None = None) -> tuple[Path, Path]:
    key, public = folder / "key.pem", folder / "certificate.pem"
    hidden = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    key.write_bytes(signer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden))
    key.chmod(mode)
    public.write_bytes(signer.certificate.public_bytes(Encoding.PEM))
    return key, public


def test_signer_is_read_from_closed_files(tmp_path: Path, office: Office) -> None:
    loaded = load_signer(*files(tmp_path, office.signer, passphrase=b"long enough"), b"long enough")
    assert verify(sign(GOOD.encode(), loaded, now=NOW), office.pinned, now=NOW)


def test_key_that_others_may_read_is_refused(tmp_path: Path, office: Office) -> None:
    with pytest.raises(ConfigError, match="chmod 600"):
        load_signer(*files(tmp_path, office.signer, mode=0o644))


@pytest.mark.parametrize("passphrase", [None, b"wrong"])
def test_wrong_passphrase_is_told_without_the_key(tmp_path: Path, office: Office, passphrase: bytes | None) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as told:
        load_signer(*files(tmp_path, office.signer, passphrase=b"right"), passphrase)
    assert "right" not in str(told.value) and "BEGIN" not in str(told.value)


def test_missing_or_odd_keys_are_told(tmp_path: Path, office: Office) -> None:
    key, public = files(tmp_path, office.signer)
    with pytest.raises(ConfigError, match="certificate cannot be read"):
        load_signer(key, tmp_path / "none.pem")
    with pytest.raises(WrongKey):
        load_signer(files(tmp_path, other())[0], write_certificate(tmp_path, office))
    odd = tmp_path / "odd.pem"
    odd.write_bytes(
        ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    odd.chmod(0o600)
    with pytest.raises(ConfigError, match="elliptic curve or RSA"):
        load_signer(odd, public)
    with pytest.raises(ConfigError, match="signing key"):
        load_signer(tmp_path / "none.pem", public)


def write_certificate(folder: Path, office: Office) -> Path:
    path = folder / "office.pem"
    path.write_bytes(office.signer.certificate.public_bytes(Encoding.PEM))
    return path
