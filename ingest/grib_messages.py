"""GRIB bytes -> single messages: found by their marks, damaged ones named, multi-field ones taken apart.

Pure bytes, so that nothing of a damaged file reaches the decoder but messages that are whole.
"""

from __future__ import annotations

from collections.abc import Iterator

START, END = b"GRIB", b"7777"


def split_messages(body: bytes) -> Iterator[tuple[int, bytes | str]]:
    """Each message with its offset; for a damaged one the reason, and the search goes on behind its mark.

    Notes
    -----
    A GRIB2 message that repeats sections 2-7 holds several fields and is given as several messages.
    """
    place = body.find(START)
    while place >= 0:
        length = _length(body, place)
        message = body[place : place + length]
        if length and message.endswith(END):
            for field in _fields(message):
                yield place, field
            place = body.find(START, place + length)
            continue
        following = body.find(START, place + 4)
        if _is_message(body, place):
            yield place, "truncated" if place + length > len(body) else "its length is wrong, or it is damaged"
        place = following


def _is_message(body: bytes, place: int) -> bool:
    """Whether the four letters stand at the head of a message and not by chance inside data."""
    return len(body) < place + 8 or body[place + 7] in (1, 2)


def _length(body: bytes, place: int) -> int:
    """Length that the header gives; 0 where there is none."""
    head = body[place : place + 16]
    if len(head) < 16:
        return 0
    if head[7] == 2:
        return int.from_bytes(head[8:16], "big")
    if head[7] != 1:
        return 0
    length = int.from_bytes(head[4:7], "big")
    if length & 0x800000:  # ECMWF's way past 8 MB: in units of 120 bytes; the end mark says the rest
        rough = (length & 0x7FFFFF) * 120
        end = body.find(END, place + max(rough - 240, 8), place + rough + 8)
        return end + 4 - place if end > 0 else rough
    return length


def _fields(message: bytes) -> Iterator[bytes]:
    """A GRIB2 message as messages of one field each; anything else as it is."""
    if message[7] != 2:
        yield message
        return
    sections = list(_sections(message))
    if sum(number == 7 for number, _ in sections) < 2:
        yield message
        return
    held: dict[int, bytes] = {}
    bitmap = b""
    for number, content in sections:
        if number == 6:
            if content[5] == 254:  # the bitmap of the field before
                content = bitmap
            elif content[5] == 0:
                bitmap = content
        held[number] = content
        if number == 7:
            inner = b"".join(held[key] for key in sorted(held))
            length = 16 + len(inner) + 4
            yield message[:8] + length.to_bytes(8, "big") + inner + END


def _sections(message: bytes) -> Iterator[tuple[int, bytes]]:
    place = 16
    while place + 5 <= len(message) - 4:
        length = int.from_bytes(message[place : place + 4], "big")
        if length < 5 or place + length > len(message) - 4:
            return
        yield message[place + 4], message[place : place + length]
        place += length
