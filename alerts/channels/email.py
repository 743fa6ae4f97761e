"""Mail through the office's relay, over connections that are kept.

The Message-ID is made of the delivery's key and the date is that of the message: an attempt whose outcome nobody
knows (the relay went away after DATA) is repeated as the same letter, to the byte.
"""

from __future__ import annotations

import json
import queue
import smtplib
import ssl
from collections.abc import Callable
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

from alerts.channels.channel import ChannelSpec, Outgoing
from data.errors import DeliveryError
from data.text import LOCALES, translator
from data.ways_out import Email

PER_CONNECTION = 100  # letters, then the relay gets a new connection
KEPT = 8  # idle connections at most
POLICY = SMTP.clone(cte_type="7bit")  # any relay takes it
Connect = Callable[[], smtplib.SMTP]


def connector(settings: Email, password: str, *, timeout_s: float) -> Connect:
    """What opens a connection to the relay; certificates are verified."""

    def connect() -> smtplib.SMTP:
        context = ssl.create_default_context()
        relay: smtplib.SMTP
        if settings.tls == "tls":
            relay = smtplib.SMTP_SSL(settings.host, settings.port, timeout=timeout_s, context=context)
        else:
            relay = smtplib.SMTP(settings.host, settings.port, timeout=timeout_s)
        try:
            if settings.tls == "starttls":
                relay.starttls(context=context)
            if settings.user:
                relay.login(settings.user, password)
            relay.ehlo_or_helo_if_needed()
        except BaseException:
            relay.close()
            raise
        return relay

    return connect


class EmailChannel:
    """One letter a recipient; 4xx answers and broken connections are worth another try, 5xx are not."""

    spec = ChannelSpec(key="email", title="E-mail", timeout_s=20.0, form="email", at_once=8, person=True)

    def __init__(self, sender: str, sender_name: str, connect: Connect) -> None:
        self._sender = sender
        self._name = sender_name
        self._connect = connect
        self._idle: queue.LifoQueue[tuple[smtplib.SMTP, int]] = queue.LifoQueue(KEPT)

    def send(self, message: Outgoing, *, now: datetime) -> str:
        body = self._letter(message)
        try:
            relay, used = self._take()
        except (OSError, smtplib.SMTPException) as error:
            raise self._fault(error) from error
        try:
            code, said = _transmit(relay, self._sender, message.recipient, body)
        except (OSError, smtplib.SMTPException) as error:
            relay.close()
            raise self._fault(error) from error
        self._give(relay, used + 1)
        return f"{code} {said.decode('utf-8', 'replace')[:120]}"

    def close(self) -> None:
        """End the connections that are kept."""
        while not self._idle.empty():
            self._idle.get_nowait()[0].close()

    def _take(self) -> tuple[smtplib.SMTP, int]:
        """A connection that still answers, or a new one."""
        while True:
            try:
                relay, used = self._idle.get_nowait()
            except queue.Empty:
                return self._connect(), 0
            try:
                if used < PER_CONNECTION and relay.noop()[0] == 250:
                    return relay, used
            except (OSError, smtplib.SMTPException):
                pass  # it went away while it was idle: nothing was under way on it
            relay.close()

    def _give(self, relay: smtplib.SMTP, used: int) -> None:
        try:
            self._idle.put_nowait((relay, used))
        except queue.Full:
            relay.close()

    def _fault(self, error: OSError | smtplib.SMTPException) -> DeliveryError:
        if isinstance(error, smtplib.SMTPResponseException):
            said = error.smtp_error
            text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
            return DeliveryError(self.spec.key, f"{error.smtp_code} {text[:200]}", retry=error.smtp_code < 500)
        final = isinstance(error, ssl.SSLCertVerificationError | smtplib.SMTPNotSupportedError)
        return DeliveryError(self.spec.key, f"{type(error).__name__}: {str(error)[:200]}", retry=not final)

    def _letter(self, message: Outgoing) -> bytes:
        """The bytes of the letter: the same for every attempt.

        Raises
        ------
        DeliveryError
            Where an address or a subject would break a header.
        """
        if not message.recipient.isascii():
            raise DeliveryError(self.spec.key, "an address with letters that mail cannot carry", retry=False)
        words = json.loads(message.body)
        letter = EmailMessage(policy=POLICY)
        try:
            letter["From"] = f'"{self._name}" <{self._sender}>' if self._name else self._sender
            letter["To"] = message.recipient
            letter["Subject"] = words["subject"] if message.form == "email" else f"Tocsin: {words['detail']['what']}"
            letter["Message-ID"] = f"<{message.key}@{self._sender.rpartition('@')[2]}>"
        except (ValueError, IndexError) as error:
            raise DeliveryError(self.spec.key, f"not fit for a header: {error}", retry=False) from error
        if message.sent_at is not None:
            letter["Date"] = format_datetime(message.sent_at)
        letter["Auto-Submitted"] = "auto-generated"
        if message.form != "email":
            letter.set_content(json.dumps(words, ensure_ascii=False, indent=1))
            return letter.as_bytes()
        asked = "\n".join(_asked(message.acknowledge))
        letter.set_content(words["plain"] + (f"\n{asked}\n" if asked else ""))
        letter.add_alternative(_with_link(words["html"], message.acknowledge), subtype="html")
        letter.set_boundary(f"=_{message.key[:32]}")
        return letter.as_bytes()


def _transmit(relay: smtplib.SMTP, sender: str, recipient: str, body: bytes) -> tuple[int, bytes]:
    """One letter; the answer to DATA is the receipt, which `sendmail` would not give."""
    steps = ((relay.mail, sender), (relay.rcpt, recipient))
    for step, address in steps:
        code, said = step(address)
        if code not in (250, 251):
            relay.rset()
            raise smtplib.SMTPResponseException(code, said)
    code, said = relay.data(body)
    if code != 250:
        relay.rset()
        raise smtplib.SMTPResponseException(code, said)
    return code, said


def _asked(link: str) -> list[str]:
    """The request to acknowledge, in every language."""
    words = (translator(locale)("Please confirm that you have read this: {link}") for locale in LOCALES)
    return [text.format(link=link) for text in words] if link else []


def _with_link(html: str, link: str) -> str:
    anchor = f'<a href="{escape(link, quote=True)}">{escape(link)}</a>'
    lines = "".join(f"<p>{text}</p>" for text in _asked(anchor)) if link else ""
    return html.replace("</body>", f"{lines}</body>")
