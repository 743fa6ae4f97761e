"""The channels of the settings file: every fault at once, and none tells a secret."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from alerts.channels.allowed import allowed
from data.errors import ConfigError
from data.secret_files import read_or_make, read_secret
from data.settings import read_settings

SECRET = "tgram://123456:hunter2/789"


def settings_of(home: Path, document: object) -> object:
    (home / "tocsin.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return read_settings({"TOCSIN_HOME": str(home)})


def test_nothing_is_on_by_itself(home: Path) -> None:
    settings = read_settings({"TOCSIN_HOME": str(home)})
    ways = settings.channels
    assert (ways.email, ways.mqtt, ways.webpush, ways.folder, ways.hubs, ways.services) == (None,) * 4 + ({}, {})
    assert allowed(settings, exercise=False).notices == ()


def test_all_faults_are_named_by_place_and_no_value_is(home: Path) -> None:
    channels = {
        "email": {"host": "mail", "sender": "no address", "port": 0, "password": "hunter2"},
        "services": {"chat": {"url": SECRET, "url_file": "x"}},
        "hubs": {"Bad Name": {"url": "https://hub.example/"}},
        "monitor": "ftp://hunter2/",
        "heartbeat_hour": 24,
    }
    with pytest.raises(ConfigError) as refused:
        settings_of(home, {"channels": channels, "exercise_channels": []})
    told = "\n".join(refused.value.faults)
    for place in (
        "channels.email.sender", "channels.email.port", "channels.email.password", "channels.services.chat",
        "channels.hubs", "channels.monitor", "channels.heartbeat_hour", "exercise_channels",
    ):  # fmt: skip
        assert place in told
    assert "hunter2" not in told


def test_secrets_do_not_show_in_what_is_printed_of_the_settings(home: Path) -> None:
    settings = settings_of(
        home, {"channels": {"services": {"chat": {"url": SECRET}}, "monitor": "https://m.example/hunter2"}}
    )
    assert "hunter2" not in repr(settings) and "hunter2" not in str(settings)


def test_exercise_has_no_channel_of_the_office(home: Path) -> None:
    office = {"email": {"host": "mail.office.example", "sender": "a@b.example"}, "notices": ["email:ops@b.example"]}
    settings = settings_of(home, {"channels": office, "webhooks": ["https://pager.example/"]})
    assert allowed(settings, exercise=False).notices == (
        ("email", "ops@b.example"),
        ("webhook", "https://pager.example/"),
    )
    rehearsal = allowed(settings, exercise=True)
    assert (rehearsal.ways.email, rehearsal.notices, "Actual" in rehearsal.statuses) == (None, (), False)


def test_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("hunter2")
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_secret(path)
    path.chmod(0o600)
    assert read_secret(path) == b"hunter2"
    path.write_text(" \n")
    for wrong in (path, tmp_path / "missing"):
        with pytest.raises(ConfigError):
            read_secret(wrong)


def test_secret_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "key"
    made = [read_or_make(path, lambda text=text: text) for text in (b"first", b"second")]
    assert made == [b"first", b"first"] and [item.name for item in path.parent.iterdir()] == ["key"]
