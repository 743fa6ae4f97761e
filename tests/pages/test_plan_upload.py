"""A table that a person brings: what can be used is used, each bad row is named."""

from __future__ import annotations

import base64

import pytest

from data.errors import LayerError
from pages import _plan_upload as upload
from tests.pages.plan_answer import REGIONS


def test_good_rows_are_read_and_bad_ones_named() -> None:
    body = b"code,value\nA,1.5\nnowhere,2\nB,\nC,tall\nA,3\n110101,7\n01001,8\nB,inf\n\n"
    found = upload.read_table(body, REGIONS)
    assert found.values == {"A": 1.5, "CN-110101": 7.0, "US-01001": 8.0}
    assert [(line, reason) for line, _, reason in found.faults] == [
        (3, "no region has this code"), (4, "no value"), (5, "not a number"), (6, "this region was given above"),
        (9, "not a finite number"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("﻿代码;数值\r\nA;2\r\n".encode(), id="semicolons, byte order mark, Chinese head"),
        pytest.param("区划代码\t值\nA\t2\n".encode("gb18030"), id="GB 18030 with tabs"),
        pytest.param(b"Name,Value,Code\nx,2,A\n", id="other order"),
    ],
)
def test_other_spellings_are_read(body: bytes) -> None:
    assert upload.read_table(body, REGIONS).values == {"A": 2.0}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        pytest.param(b"a,b\n1,2\n", upload.NO_HEAD, id="no head"),
        pytest.param(b"", upload.NO_HEAD, id="empty"),
        pytest.param(b"code,value\nnowhere,2\n", upload.NO_ROWS, id="nothing usable"),
        pytest.param(b"\x00\x01\xff\xfe", upload.NOT_TEXT, id="binary"),
        pytest.param(b"code,value\n" + b"A,1\n" * 20_001, upload.TOO_MANY, id="too many rows"),
        pytest.param(b"code,value\n" + b"x" * upload.MOST_BYTES, upload.TOO_LARGE, id="too large"),
    ],
)  # fmt: skip
def test_table_that_is_none_is_refused_with_a_sentence(body: bytes, sentence: str) -> None:
    with pytest.raises(LayerError, match=sentence):
        upload.read_table(body, REGIONS)


def test_many_faults_are_counted_not_listed() -> None:
    body = b"code,value\nA,1\n" + b"nowhere,1\n" * 60
    found = upload.read_table(body, REGIONS)
    assert (len(found.faults), found.more_faults) == (50, 10)


def test_what_the_browser_sends_is_decoded_within_bounds() -> None:
    sent = "data:text/csv;base64," + base64.b64encode(b"code,value").decode()
    assert upload.decode(sent) == b"code,value"
    with pytest.raises(LayerError, match=upload.TOO_LARGE):
        upload.decode("data:;base64," + "A" * 3_000_000)
    with pytest.raises(LayerError, match="not a text table"):
        upload.decode("data:;base64,???")
