"""Rules of inspection, as data: what is looked at, how grave a finding is, and a sentence in each language."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from data.errors import RuleError
from data.surveys import Names, survey_names
from layers.survey.inspect.expression import Expression

Severity = Literal["error", "warning", "note"]
BUILTIN = Path(__file__).resolve().parents[3] / "data" / "surveys" / "inspection"
YEAR_DELIVERED = "year_delivered"  # a column that every delivery has: the year in which it came
OWN = "inspection"  # of an office, below its home folder
EVERY = "*"

# What each check must be told, and what it may be.
NEEDED: Mapping[str, frozenset[str]] = {
    "geometry": frozenset({"fault"}),
    "position": frozenset({"fault"}),
    "unit": frozenset({"fault"}),
    "identity": frozenset(),
    "same": frozenset(),
    "near": frozenset({"within_m"}),
    "outlier": frozenset({"column", "within_m"}),
    "required": frozenset({"column"}),
    "range": frozenset({"column"}),
    "codes": frozenset({"column", "values"}),
    "logic": frozenset({"must"}),
    "link": frozenset({"column", "dataset", "to"}),
    "overlap": frozenset(),
    "gap": frozenset({"widest_m"}),
    "coverage": frozenset(),
}
ALLOWED: Mapping[str, frozenset[str]] = {
    "unit": frozenset({"tolerance_m"}),
    "same": frozenset({"columns"}),
    "near": frozenset({"columns"}),
    "outlier": frozenset({"neighbours", "fewest", "beyond", "least_spread", "like"}),
    "range": frozenset({"least", "most", "unit"}),
    "logic": frozenset({"when"}),
    "overlap": frozenset({"least_m2"}),
    "coverage": frozenset({"tolerance"}),
}
FAULTS: Mapping[str, frozenset[str]] = {
    "geometry": frozenset({"none", "unreadable", "empty", "invalid"}),
    "position": frozenset({"none", "outside", "metres", "degrees_minutes", "origin"}),
    "unit": frozenset({"none", "unknown", "elsewhere", "swapped"}),
}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule; `given` are the parameters of its check."""

    id: str
    check: str
    severity: Severity
    en: str
    zh: str
    source: str = ""  # where its limits come from; "convention" is ours
    given: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        faults = []
        if self.check not in NEEDED:
            raise RuleError(f"{self.id}: no such check: {self.check}")
        if self.severity not in get_args(Severity):
            faults.append(f"no such severity: {self.severity}")
        faults += [f"{name} is missing" for name in sorted(NEEDED[self.check] - set(self.given))]
        known = NEEDED[self.check] | ALLOWED.get(self.check, frozenset())
        faults += [f"does not know {name}" for name in sorted(set(self.given) - known)]
        if self.check in FAULTS and self.given.get("fault") not in FAULTS[self.check]:
            faults.append(f"fault is one of {', '.join(sorted(FAULTS[self.check]))}")
        if self.check == "range" and not {"least", "most"} & set(self.given):
            faults.append("least or most is missing")
        if not (self.en and self.zh):
            faults.append("a sentence in each language is missing")
        for name in {"when", "must"} & set(self.given):
            try:
                Expression(str(self.given[name]))
            except RuleError as error:
                faults.append(f"{name}: {error}")
        if faults:
            raise RuleError(f"{self.id}: {'; '.join(faults)}")

    def title(self, locale: str) -> str:
        return self.zh if locale == "zh" else self.en

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the rule reads, beside the position, the unit and the identity."""
        named = [str(self.given["column"])] if "column" in self.given else []
        named += [str(one) for one in (*self.given.get("columns", ()), *self.given.get("like", ()))]
        for name in {"when", "must"} & set(self.given):
            named += Expression(str(self.given[name])).names
        return tuple(dict.fromkeys(named))

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def digest_of(rules: Sequence[Rule]) -> str:
    """What stands for exactly these rules."""
    written = json.dumps([one.as_json() for one in rules], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(written.encode()).hexdigest()


def rules_for(kind: str, dataset: str, home: Path | None = None, extra: Iterable[Path] = ()) -> tuple[Rule, ...]:
    """The rules of a kind and a dataset: ours, then those of the office; a later one of the same id takes its place.

    Parameters
    ----------
    home : Path, optional
        Where the office keeps its own, in `inspection/*.yaml`.
    extra : iterable of Path
        Files asked for this once, whatever kinds they name.

    Raises
    ------
    RuleError
        With every fault of every file.
    """
    own = [] if home is None else sorted((home / OWN).glob("*.yaml"))
    names, once = survey_names(home), list(extra)
    faults: list[str] = []
    found: dict[str, Rule] = {}
    for path in [*sorted(BUILTIN.glob("*.yaml")), *own, *once]:
        document, wrong = _read(path)
        rules, unread = _rules(document)
        wrong += unread
        if path not in once:
            wrong += _unknown(document, rules, names)
        faults += [f"{path.name}: {one}" for one in wrong]
        if path in once or _meant(document, kind, dataset):
            found |= {rule.id: rule for rule in rules}
    if faults:
        raise RuleError("; ".join(faults))
    return tuple(found.values())


def _rules(document: Mapping[str, Any]) -> tuple[list[Rule], list[str]]:
    """The rules of a file, and what is wrong with others."""
    rules, faults = [], []
    for written in document.get("rules") or ():
        try:
            rules.append(_rule(written, str(document.get("source", ""))))
        except RuleError as error:
            faults.append(str(error))
    ids = Counter(rule.id for rule in rules)
    return rules, [*faults, *(f"{id}: {count} rules have this id" for id, count in ids.items() if count > 1)]


def _unknown(document: Mapping[str, Any], rules: Sequence[Rule], names: Names) -> Iterator[str]:
    """Kinds that there are not, and columns of rules for a kind that nobody has described.

    What columns a dataset has, the catalogue knows; so a file for datasets may name any.
    """
    kinds = document.get("kinds", ())
    yield from (f"no such kind: {kind}" for kind in kinds if kind != EVERY and kind not in names.kinds)
    if document.get("datasets"):
        return
    known = {one.key for one in names.attributes} | {YEAR_DELIVERED} | set(document.get("columns", ()))
    for rule in rules:
        yield from (f"{rule.id}: no such column: {name}" for name in rule.columns if name not in known)


def _meant(document: Mapping[str, Any], kind: str, dataset: str) -> bool:
    kinds, datasets = document.get("kinds", ()), document.get("datasets", ())
    return EVERY in kinds or kind in kinds or dataset in datasets


def _read(path: Path) -> tuple[Mapping[str, Any], list[str]]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        return {}, [str(error)]
    if not isinstance(document, Mapping) or not isinstance(document.get("rules"), list):
        return {}, ["no list of rules"]
    lists = {name: document.get(name, []) for name in ("kinds", "datasets", "columns")}
    wrong = [name for name, value in lists.items() if not isinstance(value, list)]
    return ({}, [f"{', '.join(wrong)}: not a list"]) if wrong else (document, [])


def _rule(written: Any, source: str) -> Rule:
    if not isinstance(written, Mapping) or not isinstance(written.get("id"), str):
        raise RuleError("a rule without an id")
    head = {name: str(written.get(name, "")) for name in ("check", "severity", "en", "zh")}
    given = {str(name): value for name, value in written.items() if name not in {*head, "id", "source"}}
    return Rule(id=written["id"], source=str(written.get("source", source)), given=given, **head)  # type: ignore[arg-type]
