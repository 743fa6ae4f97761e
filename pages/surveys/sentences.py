"""What a load says of records, in the reader's language."""

from __future__ import annotations

import re

from data.text import Translate

# Each with the message that it is put into; what is in brackets is put in as it stands.
FORMS = (
    (r"at 0, 0: no place was measured", "at 0, 0: no place was measured"),
    (r"outside longitude \+-180 and latitude \+-90 degrees", "outside longitude ±180° and latitude ±90°"),
    (r"outside longitude .* degrees: longitude and latitude seem swapped",
     "outside the earth: longitude and latitude seem swapped"),
    (r"outside longitude .* degrees: metres are no degrees, .*",
     "outside the earth: metres are no degrees, the mapping names no CRS for them"),
    (r"no geometry", "no geometry"),
    (r"an empty geometry", "an empty geometry"),
    (r"a geometry that cannot be read", "a geometry that cannot be read"),
    (r"invalid geometry: (.+)", "invalid geometry: {0}"),
    (r"no coordinates", "no coordinates"),
    (r"coordinates are not numbers: (.+)", "coordinates are not numbers: {0}"),
    (r"a coordinate is not a finite number", "a coordinate is not a finite number"),
    (r"(\d+) values for (\d+) columns", "{0} values for {1} columns"),
    (r"a table without geometry", "a table without geometry"),
    (r"the layer is empty", "the layer is empty"),
    (r"the file names no coordinate reference system: longitude and latitude \(EPSG:4326\) assumed",
     "the file names no coordinate reference system: longitude and latitude are assumed"),
    (r"the file names no coordinate reference system and its coordinates .*",
     "the file names no coordinate reference system and its coordinates are no degrees"),
    (r"no column (.+): is it another layer than the mapping means\?", "no column {0}: another layer than is meant?"),
    (r"(\d+) geometries mended: .*", "{0} geometries mended: a ring touched or crossed itself"),
    (r"arcs and patches are kept as straight pieces and plain areas",
     "arcs and patches are kept as straight pieces and plain areas"),
    (r"the table does not say its encoding: (\S+) guessed", "the table does not say its encoding: {0} is guessed"),
    (r"bytes that are no (\S+) stand as (.)", "bytes that are no {0} stand as {1}"),
    (r"(\S+): '(.*)' is not in the list of its values \((.+)\)", "{0}: “{1}” is not in the list of its values ({2})"),
    (r"(\S+): other values are not in the list \((.+)\)", "{0}: other values are not in the list ({1})"),
    (r"(\S+): not a number, kept as missing \((.+)\)", "{0}: not a number, kept as missing ({1})"),
    (r"(\S+): does not fit (\w+), kept as missing \((.+)\)", "{0}: does not fit {1}, kept as missing ({2})"),
    (r"(.+): its type changes, so its values are kept as text \((.+)\)",
     "{0}: its type changes, so its values are kept as text ({1})"),
    (r"no identity of its own: its place in the file instead \((.+)\)",
     "no identity of its own: its place in the file instead ({0})"),
    (r"geometry: (.+)", "geometry: {0}"),
)  # fmt: skip


def sentence(text: str, t: Translate) -> str:
    """A reason or a note; one of no known form stays as it is."""
    for form, message in FORMS:
        found = re.fullmatch(form, text, re.DOTALL)
        if found:
            return t(message).format(*found.groups())
    return text
