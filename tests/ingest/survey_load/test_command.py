"""The commands as an operator gives them: suggest, confirm, load, look, describe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import app
from data.settings import Settings
from data.store.engine import open_store
from data.store.tables import audit
from ingest.survey_load import work

TABLE = "编号,名称,经度,纬度,类型\n" + "".join(f"{n},站,{113 + n / 100},34,{'ab'[n % 2]}\n" for n in range(20))


@pytest.fixture
def run(home: Path, sqlite_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """`run(words)` gives the status and what was printed."""
    monkeypatch.setattr(work, "parse_in_child", lambda source, payload, limits: source.parse(payload))
    settings = Settings(home=home, database_url=sqlite_url)
    monkeypatch.setattr(app, "read_settings", lambda _environ: settings)

    def command(*words: Any) -> tuple[int, str, str]:
        status = app.main(["survey", *map(str, words)])
        said = capsys.readouterr()
        return status, said.out, said.err

    return command


def test_delivery_from_a_guess_to_the_store(run: Any, home: Path, sqlite_url: str, tmp_path: Path) -> None:
    path, mapping = tmp_path / "s.csv", tmp_path / "m.yaml"
    path.write_text(TABLE + "21,站,0,0,a\n", encoding="utf-8")
    status, guessed, _ = run("load", path, "--suggest")
    assert status == 0 and "column: 编号" in guessed
    mapping.write_text(guessed, encoding="utf-8")
    order = ("load", path, "--mapping", mapping, "--dataset", "sites", "--new", "--kind", "school",
             "--title", "Sites", "--title", "zh:学校", "--sector", "housing", "--class", "public")  # fmt: skip
    status, _, wrong = run(*order)
    assert status == 2 and "write your name behind `confirmed`" in wrong
    mapping.write_text(guessed.replace("confirmed: ''", "confirmed: 王"), encoding="utf-8")
    status, said, _ = run(*order, "--workers", 1)
    assert status == 0
    assert "sites version 1, delivery 1: 20 records" in said and "served: 20 records" in said
    assert "refused 1: at 0, 0: no place was measured" in said
    status, said, _ = run("load", path, "--dataset", "sites", "--json")
    assert status == 0 and json.loads(said)["again"] and json.loads(said)["rows"] == 20
    status, said, _ = run("stats", "--store", home / "records" / "sites", "--json")
    assert status == 0 and json.loads(said)["facets"]["类型"]["a"] == 10
    status, said, _ = run("catalogue", "--json")
    (dataset,) = json.loads(said)
    assert (dataset["title"], dataset["data_class"]) == ({"en": "Sites", "zh": "学校"}, "public")
    status, said, _ = run("catalogue", "sites")
    assert said.startswith("1\tversion 1\tserved\t20 records\t1 refused")
    status, said, _ = run("describe", "sites", "--class", "restricted", "--title", "Schools")
    assert status == 0 and "data_class" in said
    status, said, _ = run("catalogue", "--json")
    assert json.loads(said)[0]["title"] == {"en": "Schools", "zh": "学校"}
    assert json.loads(said)[0]["data_class"] == "restricted" and json.loads(said)[0]["record_schema"]["facets"]
    store = open_store(sqlite_url)
    with store.read() as connection:
        done = list(connection.execute(sa.select(audit.c.action).order_by(audit.c.seq)).scalars())
    store.close()
    assert done == ["survey load", "survey describe"]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("load", "nowhere.csv", "--dataset", "sites"), 2, "nowhere.csv is not there"),
        (("load", "HERE", "--dataset", "sites"), 2, "there is no mapping"),
        (("load", "HERE"), 2, "--dataset"),
        (("load", "HERE", "--dataset", "s", "--mapping", "MAP", "--new", "--sector", "moon"), 2, "--sector"),
        (("load", "HERE", "--dataset", "s", "--mapping", "MAP", "--new", "--kind", "moon"), 2, "--kind"),
        (("load", "RASTER", "--dataset", "s", "--mapping", "MAP", "--new"), 1, "a raster or grid"),
        (("catalogue", "nothing"), 1, "there is no dataset nothing"),
        (("describe", "nothing", "--class", "public"), 1, "there is no dataset nothing"),
        (("describe", "nothing"), 2, "nothing is said"),
    ],
)
def test_order_with_a_fault_has_one_clear_line(
    run: Any, tmp_path: Path, words: tuple[str, ...], status: int, said: str
) -> None:
    (tmp_path / "s.csv").write_text("lon,lat\n1,2\n")
    (tmp_path / "m.yaml").write_text("confirmed: me\n")
    (tmp_path / "r.tif").write_bytes(b"II*\x00")
    places = {"HERE": tmp_path / "s.csv", "MAP": tmp_path / "m.yaml", "RASTER": tmp_path / "r.tif"}
    got, out, wrong = run(*(places.get(word, word) for word in words))
    assert got == status and said in wrong and out == "" and "Traceback" not in wrong
