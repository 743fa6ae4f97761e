"""Names that surveys are catalogued by: sectors, kinds of hazard factors, exposed assets, capacity, and attributes.

They stand in `sectors.yaml`, `kinds.yaml` and `attributes.yaml` here; `surveys.yaml` in a home, of the same form,
adds to them and renames what has the same key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, TypeVar

from data.errors import ConfigError

N = TypeVar("N", bound="Name")
FOLDER = Path(__file__).resolve().parent
SITE = "surveys.yaml"


@dataclass(frozen=True)
class Name:
    """A key, and what people call it."""

    key: str
    en: str
    zh: str

    def title(self, locale: str) -> str:
        return self.zh if locale == "zh" else self.en


@dataclass(frozen=True)
class Class(Name):
    """A class of a group, with its kinds."""

    kinds: tuple[Name, ...] = ()


@dataclass(frozen=True)
class Group(Name):
    """Hazard factors, exposed assets or capacity."""

    classes: tuple[Class, ...] = ()


@dataclass(frozen=True)
class Attribute(Name):
    """What a column of records says, in which unit, and what providers call it besides."""

    unit: str = ""
    also: tuple[str, ...] = ()
    text: bool = False


@dataclass(frozen=True)
class Names:
    """All of them; what is not among them is shown by its key."""

    sectors: tuple[Name, ...]
    groups: tuple[Group, ...]
    attributes: tuple[Attribute, ...] = ()

    @cached_property
    def kinds(self) -> Mapping[str, Name]:
        return {kind.key: kind for group in self.groups for one in group.classes for kind in one.kinds}

    def sector(self, key: str, locale: str) -> str:
        return next((one.title(locale) for one in self.sectors if one.key == key), key)

    def kind(self, key: str, locale: str) -> str:
        return self.kinds[key].title(locale) if key in self.kinds else key

    def group_of(self, kind: str) -> Group | None:
        """The group that a kind belongs to."""
        found = (one for one in self.groups if any(kind == item.key for part in one.classes for item in part.kinds))
        return next(found, None)


@lru_cache(maxsize=8)
def survey_names(home: Path | None = None) -> Names:
    """The names as this home knows them.

    Raises
    ------
    ConfigError
        If a file is not of the form of those here.
    """
    names = Names((), ())
    for name in ("sectors.yaml", "kinds.yaml", "attributes.yaml"):
        names = _read(FOLDER / name, names)
    site = home / SITE if home is not None else None
    return _read(site, names) if site is not None and site.exists() else names


def _read(path: Path, before: Names) -> Names:
    import yaml

    try:
        written: Any = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        sectors = tuple(Name(**one) for one in written.get("sectors", ()))
        groups = tuple(_group(one) for one in written.get("groups", ()))
        attributes = tuple(_attribute(**one) for one in written.get("attributes", ()))
    except (OSError, ValueError, yaml.YAMLError, TypeError, AttributeError, KeyError) as error:
        raise ConfigError([f"{path.name}: {error}"]) from error
    merged = _merged(before.attributes, attributes)
    return Names(_merged(before.sectors, sectors), _joined(before.groups, groups), merged)


def _attribute(key: str, en: str, zh: str, unit: str = "", also: Sequence[str] = (), text: bool = False) -> Attribute:
    return Attribute(key, en, zh, unit, tuple(also), text)


def _group(written: Mapping[str, Any]) -> Group:
    classes = tuple(
        Class(one["key"], one["en"], one["zh"], tuple(Name(**kind) for kind in one.get("kinds", ())))
        for one in written.get("classes", ())
    )
    return Group(written["key"], written["en"], written["zh"], classes)


def _merged(before: Sequence[N], more: Sequence[N]) -> tuple[N, ...]:
    return tuple({one.key: one for one in (*before, *more)}.values())


def _joined(before: Sequence[Group], more: Sequence[Group]) -> tuple[Group, ...]:
    known = {group.key: group for group in before}
    for group in more:
        classes = {one.key: one for one in known[group.key].classes} if group.key in known else {}
        for one in group.classes:
            kinds = classes[one.key].kinds if one.key in classes else ()
            classes[one.key] = Class(one.key, one.en, one.zh, _merged(kinds, one.kinds))
        known[group.key] = Group(group.key, group.en, group.zh, tuple(classes.values()))
    return tuple(known.values())
