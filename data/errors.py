"""Errors of the whole house.

TocsinError
    ConfigError                 settings or a configuration file are wrong; all faults at once, no secrets
    IngestError(source)         a feed could not be used this time
        Unreachable             no answer in time, or no connection; worth another try
        Refused                 the provider or our own guard said no; `retry_after_s` where one was given
        BadPayload              what came cannot be read as what was promised; the bytes are kept
    LayerError                  a layer cannot be computed from what it was given
    RuleError                   a rule or pack is not valid, or cannot be evaluated
    WarningError                a warning is not fit to be issued
        SignatureFault          a signature cannot be made, or does not vouch for a message
            NotSigned           there is no signature
            WrongKey            it was made with another key than the one that is pinned
            Altered             what was signed is not what stands there
            UnsafeSignature     it covers another part, stands elsewhere, or uses what is not trusted any more
            CertificateNotValid the certificate is expired, not valid yet, or not meant for signing
    DeliveryError(retry)        a channel did not take a notice
    NotPermitted                somebody may not see or do this; says why
    StoreError                  the store refused or is not usable
        StaleLeader             a newer leader holds the epoch; nothing was written
"""

from __future__ import annotations


class TocsinError(Exception):
    """Base of every error raised on purpose."""


class ConfigError(TocsinError):
    """Settings are wrong; carries every fault found, never a secret."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class IngestError(TocsinError):
    """A feed could not be used this time."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"{source}: {reason}")
        self.source = source
        self.reason = reason


class Unreachable(IngestError):
    """No answer in time, or no connection."""


class Refused(IngestError):
    """The provider or our own guard said no."""

    def __init__(
        self, source: str, reason: str, *, status: int | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(source, reason)
        self.status = status
        self.retry_after_s = retry_after_s

    @property
    def retry(self) -> bool:
        """Whether asking again soon makes sense."""
        return self.status is not None and (self.status == 429 or self.status >= 500)


class BadPayload(IngestError):
    """What came cannot be read as what was promised."""


class LayerError(TocsinError):
    """A layer cannot be computed from what it was given."""


class RuleError(TocsinError):
    """A rule or pack is not valid, or cannot be evaluated."""


class WarningError(TocsinError):
    """A warning is not fit to be issued."""


class SignatureFault(WarningError):
    """A signature cannot be made, or does not vouch for a message."""


class NotSigned(SignatureFault):
    """There is no signature."""


class WrongKey(SignatureFault):
    """The signature was made with another key than the one that is pinned."""


class Altered(SignatureFault):
    """What was signed is not what stands there."""


class UnsafeSignature(SignatureFault):
    """The signature covers another part, stands elsewhere, or uses what is not trusted any more."""


class CertificateNotValid(SignatureFault):
    """The certificate is expired, not valid yet, or not meant for signing."""


class DeliveryError(TocsinError):
    """A channel did not take a notice."""

    def __init__(self, channel: str, reason: str, *, retry: bool) -> None:
        super().__init__(f"{channel}: {reason}")
        self.retry = retry


class NotPermitted(TocsinError):
    """Somebody may not see or do this."""


class StoreError(TocsinError):
    """The store refused, or cannot be used."""


class StaleLeader(StoreError):
    """A newer leader holds the epoch; nothing was written."""
