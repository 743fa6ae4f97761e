"""The desk's own fixtures: evidence is of warnings that went the real way."""

from tests.alerts.desk.conftest import desk, router, sign, signer, submitted, write

__all__ = ("desk", "router", "sign", "signer", "submitted", "write")
