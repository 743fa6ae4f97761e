"""Words for what the catalogue keeps as keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from data.permit import Permit
from data.text import Translate
from pages._places import name_of

if TYPE_CHECKING:
    from data.regions import RegionIndex

LEVELS = {"national": "National", "provincial": "Provincial", "municipal": "Municipal", "county": "County"}
CLASSES = {
    "public": "Public",
    "shared": "Shared by agreement",
    "restricted": "Restricted",
    "secret": "Secret",
}
STATES = {
    "loaded": "Loaded",
    "inspected": "Inspected",
    "passed": "Passed",
    "returned": "Returned",
    "served": "Served",
    "replaced": "Replaced",
}
SIGNS = {"loaded": "○", "inspected": "◔", "passed": "✓", "returned": "↩", "served": "●", "replaced": "–"}
MODES = {"replace": "in place of the earlier", "append": "beside the earlier", "amend": "changes the earlier"}


def state_word(state: str, t: Translate) -> str:
    """A state with its sign, so that it reads without colour."""
    return f"{SIGNS.get(state, '?')} {t(STATES.get(state, state))}"


def next_step(delivery: Any, dataset: Any, t: Translate) -> str:
    """What somebody has to do before a dataset's newest delivery goes on; nothing where it is where it belongs."""
    if delivery is None:
        return ""
    first = bool((dataset.mapping or {}).get("inspect_first"))
    steps = {
        "loaded": t("to be inspected") if first else t("to be brought onto the map"),
        "inspected": t("to be passed or returned"),
        "passed": t("to be brought onto the map"),
        "returned": t("the unit is to deliver again"),
    }
    return steps.get(delivery.state, "")


def hidden(permit: Permit) -> bool:
    """Whether not even the name is told: of a secret dataset, to those who may see nothing of it."""
    return permit.data_class == "secret" and not permit.counts


def records_told(count: int | None, permit: Permit, t: Translate) -> str:
    """How many records there are, as exactly as may be told to this account."""
    if count is None:
        return "–"
    if not permit.counts or any(permit.unit not in one for one in permit.limits) or permit.facets:
        return t("not told")
    if 0 < count < permit.least:
        return t("fewer than {n}").format(n=permit.least)
    return f"{count // permit.least * permit.least:,}" + ("+" if permit.least > 1 and count else "")


def records_said(count: int, permit: Permit, t: Translate) -> str:
    """The same in a line of other words."""
    told = records_told(count, permit, t)
    return t("number of records not told") if told == t("not told") else t("{n} records").format(n=told)


def unit_name(regions: RegionIndex, code: str, locale: str) -> str:
    """A region with its code; the code alone where there is no such region."""
    rid = regions.by_code(code)
    return code if rid is None else f"{name_of(rid, regions, locale)} ({code})"


def title_of(row: Any, locale: str) -> str:
    """The title of a dataset in the reader's language, else in the other, else its name."""
    title: Mapping[str, str] = row.title or {}
    return title.get(locale) or next(iter(title.values()), "") or str(row.name)
