"""As what each channel sends a warning."""

from __future__ import annotations

from data.ways_out import WaysOut

FORMS = {
    "email": "email", "webhook": "cap", "mqtt": "cap", "cap_push": "cap", "folder": "cap", "webpush": "push",
}  # fmt: skip


def form_of(ways: WaysOut, channel: str, address: str) -> str:
    """The form for an address; a service says for itself, and what is not known gets plain text."""
    if channel == "service":
        service = ways.services.get(address.partition(":")[0])
        return service.form if service is not None else "chat"
    return FORMS.get(channel, "chat")
