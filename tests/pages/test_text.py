"""Every message for people exists in Chinese, and no catalogue entry is stale."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.pofile import read_po

from data.text import FOLDER, pick_locale, translator
from layers.frame.notes import SENTENCES
from pages import surveys
from pages._changes import CAUSES, KINDS
from pages._layers import LAYERS
from pages._levels import WORDS
from pages._phrases import phrase
from pages._sharing_words import ALLOWS, READS, REASONS
from pages._sharing_words import STATES as GRANT_STATES
from pages._shell import LIGHT_WORDS
from pages.application import PAGES
from pages.surveys.sentences import FORMS
from pages.surveys.words import CLASSES, LEVELS, MODES, STATES
from tests.conftest import ROOT


def literals(path: Path) -> Iterator[str]:
    """The texts given to a call of `t` or `words` in a module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Name(id="t"), args=[ast.Constant(value=str(text)), *_]):
                yield text


def messages() -> set[str]:
    """All that the pages say: literals, and the tables whose words pass through `t`."""
    modules = (*(ROOT / "pages").rglob("*.py"), *(ROOT / "layers").rglob("*.py"))
    found = {text for path in modules for text in literals(path)}
    tables = [
        *KINDS.values(),
        *CAUSES.values(),
        *WORDS.values(),
        *LIGHT_WORDS.values(),
        *(title for _, title, *_ in LAYERS),
        *(word for table in (LEVELS, CLASSES, STATES, MODES) for word in table.values()),
        *(word for table in (ALLOWS, READS, GRANT_STATES) for word in table.values()),
        *REASONS,
        *SENTENCES,
        *(message for _, message in FORMS),
        *(part.TITLE for part in (*surveys.OF_DATASET, *surveys.OF_ALL)),
    ]
    return found | set(tables) | {page.TITLE for page in PAGES}


def catalogue() -> dict[str, str]:
    with (FOLDER / "zh" / "tocsin.po").open("rb") as file:
        return {str(entry.id): str(entry.string) for entry in read_po(file, locale="zh") if entry.id}


def test_every_message_has_a_chinese_text() -> None:
    translated = catalogue()
    assert sorted(text for text in messages() if not translated.get(text)) == []


def test_translation_keeps_the_blanks_of_its_message() -> None:
    def blanks(text: str) -> list[str]:
        return sorted(name for _, name, *_ in Formatter().parse(text) if name)

    assert {text for text, chinese in catalogue().items() if blanks(text) != blanks(chinese)} == set()


@pytest.mark.parametrize(
    ("wished", "accepted", "expected"),
    [
        pytest.param("zh", "en", "zh", id="own choice"),
        pytest.param("", "fr-FR, zh-CN;q=0.8, en;q=0.5", "zh", id="first language we speak"),
        pytest.param("xx", "fr", "en", id="office's default"),
    ],
)
def test_locale_is_picked_in_order(wished: str, accepted: str, expected: str) -> None:
    assert pick_locale(wished, accepted, "en") == expected


def test_unknown_message_stays_english() -> None:
    assert translator("zh")("no such message in any catalogue") == "no such message in any catalogue"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("sum over 12 h, max over stations", "12 小时合计，各站最大", id="window and space"),
        pytest.param("largest magnitude within 60 km in 24 h", "24 小时内 60 公里范围最大震级", id="events"),
        pytest.param("latest, less the station's stages_m.minor", "最新，高出测站水位：小", id="stage"),
        pytest.param("only 40% of the data, 80% wanted", "仅有 40% 的数据，需 80%", id="share"),
        pytest.param("HTTP 503", "HTTP 503", id="unknown form stays"),
    ],
)  # fmt: skip
def test_phrase_is_put_into_chinese_piece_by_piece(text: str, expected: str) -> None:
    assert phrase(text, translator("zh")) == expected
    assert (
        phrase(text, translator("en")).replace("above the gauge's stage: minor", "less the station's stages_m.minor")
        == text
    )
