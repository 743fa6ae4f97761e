"""The office's signing key: found in its folder, or made there at the first start; nobody else may read it."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from alerts.cap.sign import Signer, load_signer
from alerts.desk.office import Office
from data.errors import ConfigError
from data.store.exercise import MARK

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

BEGINNING, END = datetime(1950, 1, 2, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
YEARS = timedelta(days=3 * 365)
SKEW = timedelta(hours=1)  # a clock that is a little behind may read what was just signed
KEY, CERTIFICATE = "key.pem", "certificate.pem"


def folder_of(home: Path) -> Path:
    """Where the key of a home stands."""
    return home / "secrets" / "signing"


def ensure_key(home: Path, office: Office, now: datetime) -> bool:
    """Make a key and a certificate signed by itself where there is neither; True if it did.

    That of an exercise says so in its name, and holds at the time of any scenario.

    Raises
    ------
    ConfigError
        If one of the two files is there without the other: which key people trust is for a person to say.
    """
    folder = folder_of(home)
    there = [(folder / one).exists() for one in (KEY, CERTIFICATE)]
    if all(there):
        return False
    if any(there):
        missing = KEY if not there[0] else CERTIFICATE
        raise ConfigError([f"{folder / missing} is missing: put it back, or move the other away for a new key"])
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    signer = new_signer(office.sender_name, now) if not office.exercise else _of_exercise(office)
    _write(folder / CERTIFICATE, certificate_pem(signer.certificate), 0o644)
    _write(folder / KEY, key_pem(signer), 0o600)
    return True


def load(home: Path) -> Signer:
    """The key as it stands now; ConfigError or WrongKey where it cannot be used."""
    folder = folder_of(home)
    return load_signer(folder / KEY, folder / CERTIFICATE)


def _of_exercise(office: Office) -> Signer:
    return new_signer(f"{MARK} {office.sender_name}", BEGINNING, valid=END - BEGINNING)


def new_signer(name: str, now: datetime, *, valid: timedelta = YEARS) -> Signer:
    """A fresh key on P-256 with a certificate of its own, meant for signatures only."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=True, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + valid)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return Signer(key, certificate)


def certificate_pem(certificate: Certificate) -> bytes:
    """A certificate as a text file."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def key_pem(signer: Signer) -> bytes:
    """A private key as a text file, without a passphrase: the file's mode is what protects it."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return signer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, body: bytes, mode: int) -> None:
    """Whole or not at all, and never readable by others on the way."""
    half = path.with_suffix(".new")
    half.unlink(missing_ok=True)
    handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)
