"""Scripts come compressed, are asked again by their tag, and nothing outside the folder is served."""

from __future__ import annotations

from pathlib import Path

import brotli
import pytest
from flask import Flask

from api import scripts


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flask:
    (tmp_path / "map").mkdir()
    (tmp_path / "map" / "entry.mjs").write_text("export const bell = 1;" * 100)
    (tmp_path / "secret.txt").write_text("no")
    monkeypatch.setattr(scripts, "ASSETS", tmp_path)
    app = Flask("test")
    app.register_blueprint(scripts.blueprint)
    app.after_request(scripts.pack_suite)
    calls: list[int] = []

    @app.get("/_dash-component-suites/lib.js")
    def suite() -> str:
        calls.append(1)
        return "x" * 5000

    return app


def test_script_is_sent_compressed_and_then_not_again(server: Flask) -> None:
    client = server.test_client()
    first = client.get("/assets/map/entry.mjs", headers={"Accept-Encoding": "gzip, br"})
    assert first.headers["Content-Encoding"] == "br"
    assert brotli.decompress(first.data).startswith(b"export const bell")
    assert first.mimetype == "text/javascript"
    again = client.get(
        "/assets/map/entry.mjs", headers={"Accept-Encoding": "br", "If-None-Match": first.headers["ETag"]}
    )
    assert again.status_code == 304


def test_script_is_raw_for_who_cannot_unpack(server: Flask) -> None:
    answer = server.test_client().get("/assets/map/entry.mjs")
    assert "Content-Encoding" not in answer.headers
    assert answer.data.startswith(b"export const bell")


def test_component_library_is_packed_once_and_right(server: Flask) -> None:
    client = server.test_client()
    for _ in range(2):
        answer = client.get("/_dash-component-suites/lib.js", headers={"Accept-Encoding": "br"})
        assert brotli.decompress(answer.data) == b"x" * 5000


@pytest.mark.parametrize("name", ["missing.mjs", "../secret.txt", "..%2fsecret.txt"])
def test_nothing_else_is_served(server: Flask, name: str) -> None:
    assert server.test_client().get(f"/assets/map/{name}").status_code == 404
