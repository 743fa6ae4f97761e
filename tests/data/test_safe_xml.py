"""Attacks on XML parsers, each refused quickly and in little memory; and odd documents that are legal."""

from __future__ import annotations

import time

import pytest

from data import safe_xml
from data.errors import BadPayload

DECLARED = '<?xml version="1.0"?>'
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
REFUSED = {
    "billion_laughs": f'{DECLARED}<!DOCTYPE a [<!ENTITY l0 "lol">{LAUGHS}]><a>&l9;</a>',
    "quadratic": f'{DECLARED}<!DOCTYPE a [<!ENTITY x "{"A" * 200_000}">]><a>{"&x;" * 5000}</a>',
    "external_file": f'{DECLARED}<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>',
    "external_dtd": f'{DECLARED}<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd"><a/>',
    "parameter_entity": f'{DECLARED}<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///etc/hostname"> %p;]><a/>',
    "doctype_behind_comments": f"{DECLARED}<!-- <a> --> <?pi x?>\n<!DOCTYPE a><a/>",
    "doctype_utf16": f"{DECLARED}<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>".encode("utf-16"),
    "doctype_utf16_without_bom": "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>".encode("utf-16-le"),
    "deep_10_thousand": "<a>" * 10_000 + "</a>" * 10_000,
    "deep_1_million": "<a>" * 1_000_000 + "</a>" * 1_000_000,
    "text_of_20_MB": "<a>" + "x" * 20_000_000 + "</a>",
    "attribute_of_12_MB": '<a b="' + "x" * 12_000_000 + '"/>',
    "nodes_2_million": "<a>" + "<b/>" * 2_000_000 + "</a>",
    "bad_utf8": b"<a>\xff\xfe</a>",
    "nul": "<a>\x00</a>",
    "utf7": '<?xml version="1.0" encoding="UTF-7"?><a>+ADw-</a>',
    "undefined_entity": "<a>&nbsp;</a>",
    "unknown_encoding": '<?xml version="1.0" encoding="x-none"?><a/>',
    "ebcdic": '<?xml version="1.0" encoding="cp500"?><a/>'.encode("cp500"),
    "empty": b"",
    "only_blanks": b" \n\t",
    "json": b'{"type": "FeatureCollection"}',
    "cut_short": "<alert><identifier>1</identifier>",
    "two_roots": "<a/><b/>",
}


@pytest.mark.parametrize("document", REFUSED.values(), ids=REFUSED.keys())
def test_hostile_document_is_refused_with_a_reason(document: str | bytes) -> None:
    body = document.encode() if isinstance(document, str) else document
    begun = time.perf_counter()
    with pytest.raises(BadPayload) as refused:
        safe_xml.parse(body, source="feed")
    assert refused.value.source == "feed" and refused.value.reason
    assert len(str(refused.value)) < 400
    assert time.perf_counter() - begun < 2


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "HTML page"),
        (b"\n<html><body>503</body></html>", "HTML page"),
        (REFUSED["external_dtd"].encode(), "DOCTYPE refused"),
        (b"<a>" + b"x" * 200 + b"</a>", "more than 100"),
        (b"<a>\xff</a>", "not well-formed"),
    ],
    ids=["doctype_html", "html", "doctype", "size", "charset"],
)
def test_reason_says_what_came(body: bytes, said: str) -> None:
    with pytest.raises(BadPayload, match=said):
        safe_xml.parse(body, max_bytes=100 if b"xxx" in body else safe_xml.MAX_BYTES)


def test_size_of_the_tree_is_bounded_before_it_is_built() -> None:
    with pytest.raises(BadPayload, match="more than 100 elements"):
        safe_xml.parse(b"<a>" + b"<b/>" * 300 + b"</a>", max_nodes=100)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<a>x</a>".encode("utf-16"), "x"),
        (b"\xef\xbb\xbf<a>x</a>", "x"),
        (b"\r\n  <?xml version='1.0'?><a>x</a>", "x"),
        ('<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>'.encode("latin-1"), "é"),
        ('<?xml version="1.0" encoding="GB18030"?><a>暴雨</a>'.encode("gb18030"), "暴雨"),
        (b"<a><!-- hidden -->x<?pi y?></a>", "x"),
        (b"<a><![CDATA[<!DOCTYPE html>]]></a>", "<!DOCTYPE html>"),
    ],
    ids=["utf16", "bom", "leading_blanks", "latin1", "gb18030", "comment_and_pi", "doctype_in_cdata"],
)
def test_odd_but_legal_document_is_read(body: bytes, text: str) -> None:
    assert "".join(str(part) for part in safe_xml.parse(body).itertext()) == text


def test_include_is_not_followed() -> None:
    body = b'<a xmlns:x="http://www.w3.org/2001/XInclude"><x:include href="file:///etc/hostname" parse="text"/></a>'
    assert "".join(str(part) for part in safe_xml.parse(body).itertext()) == ""


def test_many_attributes_stay_cheap() -> None:
    attributes = " ".join(f'a{number}="1"' for number in range(100_000))
    assert len(safe_xml.parse(f"<a {attributes}/>".encode()).attrib) == 100_000
