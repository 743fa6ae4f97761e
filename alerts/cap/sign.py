"""XML signatures inside messages: made with the office's key, believed only with a pinned certificate.

Enveloped, over the whole document, exclusive canonicalisation, SHA-256; ECDSA on P-256 is what we write. A
certificate inside a message vouches for nothing: anybody can make one. After a check only the message returned may be
used, for it is read from what the signature covers and not from what stands around it.

References: W3C XML Signature 1.1; OASIS CAP 1.2, section 3.3.4.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from alerts.cap.parse import MAX_BYTES, parse, read_alert
from data import safe_xml
from data.cap_words import CAP_12, SIGNATURE, XMLDSIG
from data.clock import iso
from data.errors import (
    Altered,
    BadPayload,
    CertificateNotValid,
    ConfigError,
    NotSigned,
    SignatureFault,
    UnsafeSignature,
    WarningError,
    WrongKey,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.x509 import Certificate
    from lxml.etree import _Element as Element

    from alerts.cap.model import Alert

    Key = EllipticCurvePrivateKey | RSAPrivateKey

OTHERS_MAY_READ = 0o077


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key and the certificate that belongs to it."""

    key: Key
    certificate: Certificate


def load_signer(key_path: Path, certificate_path: Path, passphrase: bytes | None = None) -> Signer:
    """A signer from two PEM files.

    Raises
    ------
    ConfigError
        If a file cannot be read, the key's file is open to other accounts, or its passphrase is wrong.
    WrongKey
        If the certificate belongs to another key.
    """
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        if key_path.stat().st_mode & OTHERS_MAY_READ:
            raise ConfigError([f"{key_path}: other accounts may read the signing key; chmod 600"])
        key = load_pem_private_key(key_path.read_bytes(), passphrase)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError([f"{key_path}: the signing key cannot be read: {type(error).__name__}"]) from error
    if not isinstance(key, EllipticCurvePrivateKey | RSAPrivateKey):
        raise ConfigError([f"{key_path}: an elliptic curve or RSA key is needed"])
    certificate = load_certificate(certificate_path)
    if certificate.public_key() != key.public_key():
        raise WrongKey(f"{certificate_path}: the certificate belongs to another key")
    return Signer(key, certificate)


def load_certificate(path: Path) -> Certificate:
    """A certificate from a PEM file; ConfigError where there is none."""
    from cryptography.x509 import load_pem_x509_certificate

    try:
        return load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError([f"{path}: the certificate cannot be read: {type(error).__name__}"]) from error


def sign(body: bytes, signer: Signer, *, now: datetime) -> bytes:
    """The message with a signature as its last element; these bytes are to be sent as they are.

    Parameters
    ----------
    body : bytes
        As `build` makes them.
    signer : Signer
    now : datetime
        The certificate must be valid then.

    Raises
    ------
    SignatureFault
        If the certificate is not valid, the key is another's, or what was signed does not hold on a second look.
    """
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from lxml import etree
    from signxml.algorithms import (
        CanonicalizationMethod,
        DigestAlgorithm,
        SignatureConstructionMethod,
        SignatureMethod,
    )
    from signxml.signer import XMLSigner

    meant = parse(body)
    check_certificate(signer.certificate, now)
    if signer.certificate.public_key() != signer.key.public_key():
        raise WrongKey("the certificate belongs to another key")
    root = safe_xml.parse(body, source="CAP message", max_bytes=MAX_BYTES)
    if next(root.iter(SIGNATURE), None) is not None:
        raise UnsafeSignature("the message is signed already")
    elliptic = isinstance(signer.key, EllipticCurvePrivateKey)
    tool = XMLSigner(
        method=SignatureConstructionMethod.enveloped,
        signature_algorithm=SignatureMethod.ECDSA_SHA256 if elliptic else SignatureMethod.RSA_SHA256,
        digest_algorithm=DigestAlgorithm.SHA256,
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    signed = etree.tostring(
        tool.sign(root, key=signer.key, cert=[signer.certificate]), xml_declaration=True, encoding="UTF-8"
    )
    if verify(signed, (signer.certificate,), now=now) != meant:
        raise Altered("signing changed the message")
    return signed


def verify(body: bytes, certificates: Sequence[Certificate], *, now: datetime) -> Alert:
    """The message that one of the pinned certificates vouches for.

    Parameters
    ----------
    body : bytes
        The exact bytes received.
    certificates : sequence of Certificate
        Pinned for this source; those inside the message are not looked at.
    now : datetime
        When the message was received: certificates must be valid then.

    Raises
    ------
    SignatureFault
        NotSigned, WrongKey, Altered, UnsafeSignature or CertificateNotValid.
    WarningError
        If this is no CAP 1.2 message.
    """
    try:
        root = safe_xml.parse(body, source="CAP message", max_bytes=MAX_BYTES)
    except BadPayload as error:
        raise WarningError(str(error)) from error
    check_form(root)
    if not certificates:
        raise WrongKey("no certificate is pinned for this source")
    faults: list[SignatureFault] = []
    for certificate in certificates:
        try:
            return _verified(root, certificate, now)
        except SignatureFault as fault:
            faults.append(fault)
    order = (Altered, CertificateNotValid, UnsafeSignature, WrongKey)
    raise min(faults, key=lambda fault: order.index(type(fault)))


def check_form(root: Element) -> None:
    """One signature, the last child of the message, over the whole of it; SignatureFault otherwise."""
    signatures = list(root.iter(SIGNATURE))
    if not signatures:
        raise NotSigned("the message carries no signature")
    if root.tag != f"{{{CAP_12}}}alert":
        raise UnsafeSignature("something else than a CAP 1.2 message stands around the signature")
    if len(signatures) > 1:
        raise UnsafeSignature(f"{len(signatures)} signatures in one message")
    if root[-1] is not signatures[0]:
        raise UnsafeSignature("the signature is not the last element of the message")
    references = list(signatures[0].iter(f"{{{XMLDSIG}}}Reference"))
    if len(references) != 1 or references[0].get("URI") != "":
        raise UnsafeSignature("the signature does not cover the whole message")


def check_certificate(certificate: Certificate, at: datetime) -> None:
    """A certificate in force at that time and meant for signatures; CertificateNotValid otherwise."""
    from cryptography.x509 import ExtensionNotFound, KeyUsage

    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        span = f"{iso(certificate.not_valid_before_utc)} to {iso(certificate.not_valid_after_utc)}"
        raise CertificateNotValid(f"the certificate is valid from {span}, not at {iso(at)}")
    try:
        usage = certificate.extensions.get_extension_for_class(KeyUsage).value
    except ExtensionNotFound:
        return
    if not (usage.digital_signature or usage.content_commitment):
        raise CertificateNotValid("the certificate is not meant for signatures")


def _verified(root: Element, certificate: Certificate, now: datetime) -> Alert:
    from signxml.algorithms import DigestAlgorithm, SignatureMethod
    from signxml.exceptions import InvalidCertificate, InvalidDigest, InvalidInput, InvalidSignature
    from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier

    check_certificate(certificate, now)
    names = ("ECDSA_SHA256", "ECDSA_SHA384", "ECDSA_SHA512", "RSA_SHA256", "RSA_SHA384", "RSA_SHA512")
    expected = SignatureConfiguration(
        location="./",
        expect_references=1,
        signature_methods=frozenset(SignatureMethod[name] for name in names),
        digest_algorithms=frozenset((DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512)),
        verification_time=now,
    )
    try:
        result = XMLVerifier().verify(root, x509_cert=certificate, expect_config=expected)
    except InvalidDigest as error:
        raise Altered("the message is not what was signed") from error
    except InvalidCertificate as error:
        raise CertificateNotValid(_one_line(error)) from error
    except InvalidSignature as error:
        raise WrongKey("the signature was not made with the key of the pinned certificate") from error
    except (InvalidInput, ValueError) as error:
        raise UnsafeSignature(_one_line(error)) from error
    signed = result.signed_xml if isinstance(result, VerifyResult) else None
    if signed is None or signed.tag != f"{{{CAP_12}}}alert":
        raise UnsafeSignature("the signature covers something else than the message")
    return read_alert(signed)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
