"""Every channel is registered, has its form and its rule for addresses, and is described."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest

import alerts.channels
from alerts.channels.addresses import CHECKS
from alerts.channels.channel import ChannelSpec
from alerts.channels.forms import FORMS, form_of
from alerts.channels.switched_on import switched_on
from alerts.escalate import PEOPLE
from data.store.engine import Store
from data.ways_out import WaysOut
from tests.conftest import ROOT


def defined() -> Iterator[ChannelSpec]:
    """The manifests of all classes that can send."""
    for module in pkgutil.iter_modules(alerts.channels.__path__):
        found = importlib.import_module(f"alerts.channels.{module.name}")
        for _, kind in inspect.getmembers(found, inspect.isclass):
            spec = getattr(kind, "spec", None)
            if kind.__module__ == found.__name__ and isinstance(spec, ChannelSpec):
                yield spec


SPECS = sorted(defined(), key=lambda spec: spec.key)


def test_every_channel_that_is_defined_can_be_switched_on(store: Store, tmp_path) -> None:
    (tmp_path / "token").write_text("t")
    (tmp_path / "token").chmod(0o600)
    ways = WaysOut.model_validate(
        {
            "email": {"host": "mail.office.example", "sender": "warn@office.example"},
            "mqtt": {"host": "broker.office.example"},
            "webpush": {"contact": "mailto:ops@office.example"},
            "folder": {"path": str(tmp_path)},
            "hubs": {"province": {"url": "https://hub.example/", "token_file": str(tmp_path / "token")}},
            "services": {"chat": {"url": "json://chat.example/"}},
        }
    )

    def nothing(*_: object) -> tuple[int, bytes]:
        raise AssertionError("nothing is sent")

    made = switched_on(ways, nothing, store, home=tmp_path)
    assert sorted(made) == [spec.key for spec in SPECS]
    assert set(switched_on(WaysOut(), nothing, store, home=tmp_path)) == {"webhook"}  # for notices; to nobody


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.key)
def test_form_people_addresses_and_docs_agree_with_the_manifest(spec: ChannelSpec) -> None:
    assert form_of(WaysOut(), spec.key, "x") == FORMS.get(spec.key, "chat") == spec.form
    assert (spec.key in CHECKS) is (spec.key != "webpush")  # browsers subscribe for themselves
    assert spec.person is (spec.key in PEOPLE)
    assert f"`{spec.key}`" in (ROOT / "docs" / "channels.md").read_text(encoding="utf-8")
