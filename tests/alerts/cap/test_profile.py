"""Profiles: what they demand beyond the standard, asked for or claimed."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from alerts.cap.check import RULES, check
from alerts.cap.finding import REJECT, REMARK, Weight
from alerts.cap.message import Context
from alerts.cap.profile import Demand, claimed, names, profiles
from tests.alerts.cap.messages import GOOD, edited

AU = "urn:oasis:names:tc:emergency:cap:1.2:profile:CAP-AU:1.0"
CODE = "<code>house</code>"
SAME = "<valueName>SAME</valueName>"
CP = (
    (CODE, "<code>profile:CAP-CP:0.4</code>"),
    (SAME, "<valueName>profile:CAP-CP:Event:0.4</valueName>"),
    (SAME, "<valueName>profile:CAP-CP:Event:0.4</valueName>"),
    ("GB/T 2260", "profile:CAP-CP:Location:0.3"),
    ("31,120 30,120</polygon>\n    </area>\n  </info>\n</alert>",
     "31,120 30,120</polygon><geocode><valueName>profile:CAP-CP:Location:0.3</valueName>"
     "<value>3537064</value></geocode></area></info></alert>"),
)  # fmt: skip
IPAWS = ((CODE, "<code>IPAWSv1.0</code>"),)
AUSTRALIA = (
    (CODE, f"<code>{AU}</code>"),
    (SAME, f"<valueName>{AU}:E</valueName>"),
    (SAME, f"<valueName>{AU}:E</valueName>"),
)
ALARM = "<valueName>awareness_type</valueName><value>12; flooding</value></parameter>"
METEOALARM = (
    ("    <resource>", f"    <parameter>{ALARM}    <resource>"),
    ("</contact>\n    <area>\n      <areaDesc>下",
     "</contact><parameter><valueName>awareness_level</valueName><value>3; orange; Severe</value></parameter>"
     f"<parameter>{ALARM}<area><areaDesc>下"),
)  # fmt: skip


def weights(body: bytes, rule: str, *asked: str) -> set[Weight]:
    context = Context(profiles=tuple(profiles()[key] for key in asked))
    return {one.weight for one in check(body, context) if one.rule == rule}


@pytest.mark.parametrize(
    ("edits", "asked"),
    [(CP, ["cap-cp"]), (IPAWS, ["ipaws"]), (AUSTRALIA, ["cap-au"]), (METEOALARM, ["meteoalarm"])],
    ids=["cap-cp", "ipaws", "cap-au", "meteoalarm"],
)
def test_message_that_keeps_a_profile_is_not_rejected(edits: tuple[tuple[str, str], ...], asked: list[str]) -> None:
    body = edited(*edits)
    context = Context(profiles=tuple(profiles()[key] for key in asked))
    assert [one.sentence() for one in check(body, context) if one.weight is REJECT] == []


@pytest.mark.parametrize(
    ("edits", "rule", "expected"),
    [
        ((*IPAWS, (SAME, "<valueName>OTHER</valueName>")), "C35", {REJECT, REMARK}),
        (IPAWS, "C39", {REMARK}),
        (IPAWS, "C58", {REMARK}),
        ((*IPAWS, ("<expires>2026-03-02T06:00:00+08:00</expires>", "")), "C37", {REJECT}),
        ((*CP, ("3537064", "abc")), "C58", {REJECT, REMARK}),
        ((*CP, ("<instruction>Leave the banks.</instruction>", "")), "C40", {REMARK}),
        ((*AUSTRALIA, ("<msgType>Update", "<msgType>Cancel")), "C38", {REJECT}),
        (AUSTRALIA, "C38", set()),
        ((*METEOALARM, ("12; flooding", "99; flooding")), "C35", {REJECT}),
        ((*METEOALARM, ("3; orange; Severe", "orange")), "C35", {REJECT}),
    ],
    ids=["ipaws_code", "ipaws_start", "ipaws_place", "ipaws_end", "cp_place", "cp_instruction", "au_cancel",
         "au_update", "meteoalarm_type", "meteoalarm_level"],
)  # fmt: skip
def test_what_a_profile_demands_is_told_under_its_rule(
    edits: tuple[tuple[str, str], ...], rule: str, expected: set[Weight]
) -> None:
    asked = ["meteoalarm"] if edits[: len(METEOALARM)] == METEOALARM else []
    assert weights(edited(*edits), rule, *asked) >= expected
    assert bool(weights(edited(*edits), rule, *asked)) == bool(expected)


def test_profile_that_is_kept_is_named() -> None:
    assert weights(GOOD.encode(), "C24", "cap-cp") == {REJECT}
    assert weights(edited(*CP), "C24", "cap-cp") == set()
    assert weights(GOOD.encode(), "C24", "meteoalarm") == set(), "it has no marker"


def test_claims_are_read_from_code() -> None:
    assert [one.key for one in claimed(("IPAWSv1.0", "x", AU))] == ["cap-au", "ipaws"]


def test_profiles_speak_of_known_rules_and_are_named_after_their_files() -> None:
    known = {one.id for one in RULES}
    assert set(names()) == set(profiles())
    assert {demand.rule for one in profiles().values() for demand in one.demands} <= known


def test_demand_asks_for_one_thing() -> None:
    with pytest.raises(ValidationError, match="one of need"):
        Demand(rule="C25", need="info", forbid="info")
    with pytest.raises(ValidationError):
        Demand(rule="C25", pair="info", name="(")
