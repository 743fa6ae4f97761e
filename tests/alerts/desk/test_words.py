"""Whatever the desk says to people it says in Chinese as well."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from babel.messages.pofile import read_po

from alerts.desk.content import Words
from alerts.desk.fit import Problem
from alerts.desk.read import State
from alerts.desk.refusal import Refusal
from alerts.desk.suggest import Name
from data.text import FOLDER, translator
from tests.conftest import ROOT

SAYING = ("Refusal", "Stale", "Problem")


def sentences(path: Path) -> Iterator[str]:
    """The texts that refusals and problems begin with."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(text)), *_]) if name in SAYING:
                yield text


def test_every_sentence_and_word_of_the_desk_has_a_chinese_text() -> None:
    with (FOLDER / "zh" / "tocsin.po").open("rb") as file:
        known = {str(entry.id): str(entry.string) for entry in read_po(file, locale="zh") if entry.id}
    said = {text for path in (ROOT / "alerts" / "desk").glob("*.py") for text in sentences(path)}
    words = {*get_args(State), *get_args(Name), *Words.model_fields, "level", "area", "en", "zh"}
    assert len(said) > 40
    assert sorted(text for text in said | words if not known.get(text)) == []


def test_sentence_without_blanks_may_hold_braces() -> None:
    assert Refusal("{not a blank").told() == str(Refusal("{not a blank")) == "{not a blank"


@pytest.mark.parametrize("kind", [Refusal, Problem])
def test_words_inside_a_sentence_are_translated_too(kind: type[Refusal] | type[Problem]) -> None:
    text, blanks = "This warning is {state} now: this cannot be done with it.", {"state": "issued"}
    made = Refusal(text, **blanks) if kind is Refusal else Problem(text, blanks)
    assert "issued" in made.told() and "issued" not in made.told(translator("zh"))
