"""Mail over a real SMTP server."""

from __future__ import annotations

import email
import json
import smtplib
import socket
import ssl
import threading
from datetime import datetime, timedelta
from email.policy import default
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from alerts.channels.channel import Outgoing
from alerts.channels.email import EmailChannel, connector
from data.errors import DeliveryError
from data.ways_out import Email
from tests.alerts.channels.stand_ins import Letters, mail_relay

WORDS = {
    "subject": "橙色预警 / Orange warning",
    "plain": "Stay away.\n.\nFrom here\n",
    "html": "<html><body><p>x</p></body></html>",
}


def message(now: datetime, to: str = "reader@example.org", **changes: object) -> Outgoing:
    values: dict[str, object] = {"subject": WORDS["subject"], "plain": WORDS["plain"], "html": WORDS["html"]}
    body = json.dumps({**values, **changes}).encode()
    return Outgoing(
        key="k" * 64, recipient=to, body=body, form="email", about="office.1", sent_at=now,
        acknowledge="https://office.example/ack/t",
    )  # fmt: skip


def channel(port: int, tls: str = "none") -> EmailChannel:
    settings = Email.model_validate({"host": "127.0.0.1", "port": port, "tls": tls, "sender": "warn@office.example"})
    return EmailChannel("warn@office.example", "气象台", connector(settings, "", timeout_s=5))


def send_once(port: int, letter: Outgoing, now: datetime) -> str:
    mail = channel(port)
    try:
        return mail.send(letter, now=now)
    finally:
        mail.close()


def test_letter_arrives_in_both_forms_with_a_fixed_id_and_the_link_that_acknowledges(now: datetime) -> None:
    letters = Letters()
    with mail_relay(letters) as port:
        assert send_once(port, message(now), now) == "250 2.0.0 queued"
    letter = email.message_from_bytes(letters.taken[0], policy=default)
    assert letter["Subject"] == WORDS["subject"]
    assert letter["Message-ID"] == f"<{'k' * 64}@office.example>"
    assert letter["From"].addresses[0].display_name == "气象台"
    text, page = (letter.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert "Stay away.\n.\nFrom here" in text.replace("\r\n", "\n")
    assert text.count("https://office.example/ack/t") == 2
    assert page.count('<a href="https://office.example/ack/t">') == 2


def test_i3_relay_that_drops_after_data_gets_the_same_letter_again(now: datetime) -> None:
    letters = Letters(vanish=1)
    with mail_relay(letters) as port:
        mail = channel(port)
        with pytest.raises(DeliveryError) as dropped:
            mail.send(message(now), now=now)
        assert dropped.value.retry
        mail.send(message(now), now=now + timedelta(seconds=5))
        mail.close()
    assert len(letters.taken) == 2 and letters.taken[0] == letters.taken[1]


@pytest.mark.parametrize(("answer", "retry"), [("550 5.1.1 no such user", False), ("451 4.7.1 later", True)])
def test_refused_recipient_does_not_spoil_the_connection(now: datetime, answer: str, retry: bool) -> None:
    letters = Letters(refuse={"poison@example.org": answer})
    with mail_relay(letters) as port:
        mail = channel(port)
        with pytest.raises(DeliveryError, match=answer[:3]) as refused:
            mail.send(message(now, "poison@example.org"), now=now)
        assert refused.value.retry is retry
        for _ in range(5):
            mail.send(message(now), now=now)
        mail.close()
    assert len(letters.taken) == 5


def test_connections_are_kept_and_a_dead_one_is_replaced(now: datetime) -> None:
    letters = Letters()
    with mail_relay(letters) as port:
        mail = channel(port)
        for _ in range(10):
            mail.send(message(now), now=now)
        assert letters.connections == 1
        mail._idle.queue[0][0].sock.shutdown(socket.SHUT_RDWR)
        mail.send(message(now), now=now)
        assert letters.connections == 2
        threads = [threading.Thread(target=mail.send, args=(message(now),), kwargs={"now": now}) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        mail.close()
    assert len(letters.taken) == 15 and letters.connections <= 6


@pytest.mark.parametrize(
    ("to", "subject"),
    [
        ("a@example.org\r\nBcc: all@example.org", "x"),
        ("a@example.org", "x\r\nBcc: all@example.org"),
        ("a@example.org\nRCPT TO:<b@example.org>", "x"),
        ("用户@example.org", "x"),
    ],
    ids=["recipient", "subject", "command", "letters that mail cannot carry"],
)
def test_asvs_1_3_11_line_breaks_add_no_header_and_no_command(now: datetime, to: str, subject: str) -> None:
    letters = Letters()
    with mail_relay(letters) as port, pytest.raises(DeliveryError) as refused:
        channel(port).send(message(now, to, subject=subject), now=now)
    assert not refused.value.retry and letters.taken == []


def test_notice_is_a_letter_that_says_what_is_wrong(now: datetime) -> None:
    letters = Letters()
    body = json.dumps({"cause": "engine", "state": "open", "detail": {"what": "the engine is silent"}}).encode()
    with mail_relay(letters) as port:
        send_once(port, Outgoing(key="n" * 64, recipient="ops@office.example", body=body, sent_at=now), now)
    letter = email.message_from_bytes(letters.taken[0], policy=default)
    assert letter["Subject"] == "Tocsin: the engine is silent"


def test_relay_that_is_away_is_worth_another_try(now: datetime) -> None:
    with mail_relay(Letters()) as port:
        pass
    with pytest.raises(DeliveryError) as away:
        channel(port).send(message(now), now=now)
    assert away.value.retry


def own_certificate(folder: Path, now: datetime) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(datetime(2020, 1, 1)).not_valid_after(datetime(2040, 1, 1)).sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def test_asvs_12_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path, now: datetime) -> None:
    letters = Letters()
    relay = mail_relay(letters, tls_context=own_certificate(tmp_path, now))
    with relay as port, pytest.raises(DeliveryError, match="CERTIFICATE") as refused:
        channel(port, tls="starttls").send(message(now), now=now)
    assert not refused.value.retry and letters.taken == []


def test_relay_without_tls_is_not_used_where_tls_is_asked_for(now: datetime) -> None:
    letters = Letters()
    with mail_relay(letters) as port, pytest.raises(DeliveryError) as refused:
        channel(port, tls="starttls").send(message(now), now=now)
    assert isinstance(refused.value.__cause__, smtplib.SMTPNotSupportedError) and letters.taken == []
