"""Every word of the public pages exists in Chinese."""

from __future__ import annotations

import re

from tests.conftest import ROOT
from tests.pages.test_text import catalogue, literals

IN_TEMPLATE = re.compile(r"""\bt\((?:"([^"]+)"|'([^']+)')\)""")
SENTENCE = re.compile(r"""message\(\s*\d+,\s*"([^"]+)"\)""")


def test_every_message_of_the_public_pages_has_a_chinese_text() -> None:
    folder, found = ROOT / "pages" / "public", set[str]()
    for path in (*folder.glob("*.py"), ROOT / "api" / "cap_feeds.py", ROOT / "api" / "public" / "card.py"):
        found |= set(literals(path)) | set(SENTENCE.findall(path.read_text(encoding="utf-8")))
    for path in (folder / "templates" / "public").glob("*.html"):
        found |= {one or other for one, other in IN_TEMPLATE.findall(path.read_text(encoding="utf-8"))}
    translated = catalogue()
    assert len(found) > 90
    assert sorted(text for text in found if not translated.get(text)) == []
