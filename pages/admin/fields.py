"""The fields of an account's rights: roles, regions and hazards."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash.development.base_component import Component

from access.matrix import ROLES, TWICE_PROVED
from access.people import Account
from access.words import words
from data.regions import FINEST_FIRST, RegionIndex
from data.text import Translate
from pages._context import Context
from pages._pack_words import hazards
from pages.packs import packs
from pages.warn.inbox import hazard_word

RIGHTS, INVITE = "admin-right", "admin-new"
SHOWN_REGIONS = 30  # of those whose name or code holds what was typed


def role_field(where: str, chosen: list[str], t: Translate, locale: str) -> Component:
    """Which roles; those that need a second factor say so."""
    word = words(locale)
    data = [{"value": role, "label": word(role) + (" *" if role in TWICE_PROVED else "")} for role in ROLES]
    return dmc.MultiSelect(
        id={"type": where, "what": "roles"}, label=t("Roles"), data=data, value=chosen,
        description=t("* sleeps until the person has set up a second factor"),
    )  # fmt: skip


def limit_fields(account: Account, context: Context, t: Translate, locale: str) -> list[Component]:
    """Where, and for which hazards, the roles hold."""
    named = sorted({*_known_hazards(context), *account.hazards})
    return [
        dmc.MultiSelect(
            id={"type": RIGHTS, "what": "regions"}, label=t("Only in these regions and all below them"),
            data=region_choices(context.regions, "", list(account.regions), locale), value=list(account.regions),
            placeholder="" if account.regions else t("everywhere"), searchable=True,
            nothingFoundMessage=t("Type a name or a code."),
        ),
        dmc.MultiSelect(
            id={"type": RIGHTS, "what": "hazards"}, label=t("Only for these hazards"),
            data=[{"value": key, "label": hazard_word(key, locale)} for key in named],
            value=list(account.hazards), placeholder="" if account.hazards else t("all"), searchable=True,
        ),
    ]  # fmt: skip


def region_choices(index: RegionIndex, typed: str, chosen: list[str], locale: str) -> list[dict[str, Any]]:
    """The chosen regions, and those whose name or code holds what was typed, the widest first."""
    rids = [rid for code in chosen if (rid := index.by_code(code)) is not None]
    wanted = typed.strip().casefold()
    if wanted:
        for kind in reversed(FINEST_FIRST):
            if len(rids) >= SHOWN_REGIONS:
                break
            rids += [rid for rid in index.of_kind(kind).tolist() if rid not in rids and _has(index, rid, wanted)]
    return [
        {"value": str(index.code[rid]), "label": region_label(index, rid, locale)} for rid in rids[:SHOWN_REGIONS]
    ]


def region_label(index: RegionIndex, rid: int, locale: str) -> str:
    """Name and code, as in `Beijing (CN-110000)`."""
    name = str(index.name_zh[rid]) if locale == "zh" else str(index.name[rid])
    return f"{name or index.name[rid]} ({index.code[rid]})"


def _has(index: RegionIndex, rid: int, wanted: str) -> bool:
    return any(wanted in str(words[rid]).casefold() for words in (index.name, index.name_zh, index.code))


def _known_hazards(context: Context) -> list[str]:
    return hazards([item.rule for item in packs(context)[0]])
