"""Tables that people bring as text: their encoding and their separator are found."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from data.errors import LayerError

WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .xls
WIDE = (b"\xff\xfe", b"\xfe\xff")  # how spreadsheets begin what they call Unicode text


def text_of(body: bytes) -> str:
    """Text in UTF-8, in GB 18030, or in UTF-16 that says so.

    Raises
    ------
    LayerError
        If it is neither, or a workbook.
    """
    if body.startswith(WORKBOOKS):
        raise LayerError("this is a workbook: save it as CSV")
    for encoding in ("utf-16",) if body.startswith(WIDE) else ("utf-8-sig", "gb18030"):
        try:
            text = body.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise LayerError("the table is not text in UTF-8 or GB 18030")


def rows_of(text: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not empty, each with the number of its last line; commas, semicolons or tabs are between values.

    Raises
    ------
    LayerError
        If a line cannot be read.
    """
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise LayerError(f"line {reader.line_num} of the table cannot be read: {error}") from error
