"""Every module of `layers/derived` says what it computes, in which unit and range, and after whom."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

import pytest
import yaml

import layers.derived
from data.units import registry
from layers.classes import REFERENCE
from layers.layer import LayerSpec

MODULES = [name for _, name, _ in pkgutil.iter_modules(layers.derived.__path__)]
STATUSES = {"verified", "experimental"}
KINDS = {"events", "stations", "field", "regions"}


def module(name: str) -> ModuleType:
    return importlib.import_module(f"layers.derived.{name}")


def specs(name: str) -> tuple[LayerSpec, ...]:
    found = module(name)
    own = getattr(found, "SPECS", None)
    return tuple(own) if own is not None else (found.SPEC,)


ALL = [(name, spec) for name in MODULES for spec in specs(name)]


@pytest.mark.parametrize("name", MODULES)
def test_module_has_a_manifest_and_a_docstring(name: str) -> None:
    assert specs(name) and all(isinstance(spec, LayerSpec) for spec in specs(name))
    assert (module(name).__doc__ or "").strip()


@pytest.mark.parametrize(("name", "spec"), ALL, ids=[spec.key for _, spec in ALL])
def test_manifest_is_complete(name: str, spec: LayerSpec) -> None:
    assert spec.title and spec.quantity and spec.needs
    assert spec.kind in KINDS and spec.status in STATUSES
    assert len(spec.reference) > 10, "a formula names its paper or standard"
    # Parameters and levels fitted to annual maxima have no range but that of the quantity they were fitted to.
    fitted = all("annual_max" in need for need in spec.needs)
    assert fitted or (spec.valid_range is not None and spec.valid_range[0] < spec.valid_range[1])


# Scenarios, quantities and what other services publish have forms, and tests, of their own.
OTHERS = {"scenarios", "quantities.yaml", "verification_anchors.yaml"}
TABLES = [path for path in sorted(REFERENCE.rglob("*.yaml")) if not OTHERS.intersection(path.parts)]


@pytest.mark.parametrize("unit", sorted({spec.unit for _, spec in ALL}))
def test_unit_is_one_that_the_house_reads(unit: str) -> None:
    assert unit == "1" or registry()(unit).units is not None


def test_no_quantity_twice() -> None:
    keys = [spec.key for _, spec in ALL]
    assert sorted(set(keys)) == sorted(keys)


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_reference_tables_name_their_source(path: object) -> None:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))  # type: ignore[attr-defined]
    entries = [entry for part in document.values() for entry in (part if isinstance(part, list) else [part])]
    assert entries
    for entry in entries:
        assert entry["source"], entry
        if "valid_from" in entry:
            assert entry["authority"] and "valid_until" in entry, entry["key"]
