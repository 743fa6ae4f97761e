"""Sentences exist in both languages; the document lists the rules as they are."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from babel.messages.pofile import read_po

from alerts.cap.check import RULES
from alerts.cap.profile import profiles
from data.text import FOLDER
from tests.conftest import ROOT

SENTENCE = {"found": 0, "rule": 2, "Finding": None}  # position of the sentence in a call


def sentences() -> Iterator[str]:
    for path in (ROOT / "alerts" / "cap").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name in SENTENCE:
                    at = SENTENCE[name]
                    given = [args[at]] if at is not None else [one.value for one in keywords if one.arg == "text"]
                    yield from (one.value for one in given if isinstance(one, ast.Constant))


def test_every_sentence_has_a_chinese_text() -> None:
    with (FOLDER / "zh" / "tocsin.po").open("rb") as file:
        chinese = {str(entry.id): str(entry.string) for entry in read_po(file, locale="zh") if entry.id}
    found = set(sentences())
    assert len(found) > 150
    assert sorted(one for one in found if not chinese.get(one)) == []


def test_document_lists_every_rule_as_it_is() -> None:
    text = (ROOT / "docs" / "cap.md").read_text(encoding="utf-8")
    listed = [line for line in text.splitlines() if line.startswith("| C")]
    assert listed == [f"| {one.id} | {one.weight.value} | {one.title} |" for one in RULES]


def test_document_names_every_profile() -> None:
    text = (ROOT / "docs" / "cap.md").read_text(encoding="utf-8")
    assert [key for key, one in profiles().items() if f"`{key}`" not in text or one.title not in text] == []
