"""The one door for XML: bounded, without DTDs, entities, network or files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from data.errors import BadPayload

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

MAX_BYTES = 16 << 20
MAX_NODES = 500_000  # about 70 MB of tree

# What may stand before the root element: declaration, comments, processing instructions, white space.
_PROLOG = re.compile(r"(?:\s+|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")


def parse(body: bytes, *, source: str = "xml", max_bytes: int = MAX_BYTES, max_nodes: int = MAX_NODES) -> Element:
    """The root element of a document that may be hostile.

    Parameters
    ----------
    body : bytes
        In the encoding the document declares; leading white space is forgiven.
    source : str
        Named in the error.
    max_bytes, max_nodes : int
        Larger documents are refused before a tree is built; every tag begins with `<`, so their number bounds it.

    Returns
    -------
    Element
        Without comments and processing instructions.

    Raises
    ------
    BadPayload
        If it is not well-formed, too large, deeper than 256 elements, or carries a DOCTYPE.

    Notes
    -----
    Never give `schema=` to a parser: together with an entity it ends the process (lxml 6.1.3).
    """
    from lxml import etree

    if len(body) > max_bytes:
        raise BadPayload(source, f"the document has {len(body)} bytes, more than {max_bytes}")
    text = body if body.startswith(_WIDE) else body.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    if not text:
        raise BadPayload(source, "the document is empty")
    if not text.startswith((b"<", *_WIDE)):
        raise BadPayload(source, "not an XML document: it does not begin with '<'")
    if text.count(b"<") > 2 * max_nodes:  # a tag that opens and one that closes
        raise BadPayload(source, f"the document has more than {max_nodes} elements")
    _refuse_doctype(source, text)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False,
        remove_comments=True, remove_pis=True, recover=False,
    )  # fmt: skip
    try:
        root = etree.fromstring(text, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise BadPayload(source, f"not well-formed XML: {_one_line(error)}") from error
    document: Any = root.getroottree().docinfo
    if document.doctype or document.internalDTD is not None:
        raise BadPayload(source, "DOCTYPE refused")
    return root


def _refuse_doctype(source: str, text: bytes) -> None:
    """Refuse a DOCTYPE before libxml2 sees it."""
    if text.startswith(_WIDE):
        little = text.startswith((b"\xff\xfe", b"<\x00"))
        head = text.decode("utf-16-le" if little else "utf-16-be", "replace").lstrip("\ufeff")
    else:
        head = text.decode("latin-1")
    start = _PROLOG.match(head)
    rest = head[start.end() : start.end() + 64].lower() if start else ""
    if rest.startswith(("<!doctype html", "<html")):
        raise BadPayload(source, "an HTML page, not a feed")
    if rest.startswith("<!doctype"):
        raise BadPayload(source, "DOCTYPE refused")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
