"""Owns the reading of one ``<Event>`` element (Microsoft's event schema) safely, into the shape of evtx JSON.

What ``wevtutil qe /f:xml``, ``Get-WinEvent … ToXml()`` and the event viewer's export write. A document type
declaration is refused, so that no entity can be declared, expanded or fetched.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pandora_core.ingest.format import MAX_LINE_BYTES, text_of
from pandora_core.ingest.formats.json_object import Json, cleaned

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

END = "</Event>"
_MOST_DEPTH = 16
_PROLOGUE = re.compile(r"\s*(?:<\?xml[^>]*\?>\s*)?(?:<Events(?:\s[^>]*)?>)?\s*")

# References to characters that XML 1.0 forbids, which a log of hostile text holds all the same.
_FORBIDDEN = re.compile(r"&#(?:x0*(?:[0-8bcef]|1[0-9a-f]|fff[ef])|0*(?:[0-8]|1[124-9]|2[0-9]|3[01]));", re.IGNORECASE)


def object_of_xml(record: bytes) -> Json | None:
    """The object ``{"Event": …}`` of a record, with or without its end tag; ``None`` where only wrapping is left.

    Raises:
        ValueError: it is not one well-formed event; the message says why.
    """
    if len(record) > MAX_LINE_BYTES:
        raise ValueError(f"longer than {MAX_LINE_BYTES} bytes")
    text = text_of(record.replace(b"\r\n", b"\n"))
    if text.strip() in ("", "</Events>"):
        return None
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("XML with a document type declaration is refused")
    text = text[_end_of_prologue(text) :].rstrip()
    if not text:
        return None
    element = _parse(text if text.endswith((END, "/>")) else text + END)
    if _tag(element) != "Event":
        raise ValueError(f"XML element {_tag(element)[:40]!r}, not an Event")
    document: Json = cleaned({"Event": _shape(element, 0)})
    return document


def _end_of_prologue(text: str) -> int:
    found = _PROLOGUE.match(text)
    return found.end() if found else 0


def _parse(text: str) -> Element:
    from xml.etree import ElementTree  # 9 ms that only XML logs should pay

    try:
        return ElementTree.fromstring(_FORBIDDEN.sub("\ufffd", text))  # noqa: S314 - no DOCTYPE: nothing to expand
    except ElementTree.ParseError as error:
        raise ValueError(f"not well-formed XML: {error}") from error


def _shape(element: Element, depth: int) -> Any:
    """Attributes as ``#attributes``, text as ``#text``, an element of text alone as that text; blank text is none."""
    if depth > _MOST_DEPTH:
        raise ValueError(f"XML nested deeper than {_MOST_DEPTH}")
    text = element.text if element.text and not element.text.isspace() else None
    if not len(element) and not element.attrib:
        return text
    shaped: Json = {}
    if element.attrib:
        shaped["#attributes"] = {_bare(name): value for name, value in element.attrib.items()}
    for child in element:
        _add(shaped, _tag(child), _shape(child, depth + 1))
    if not len(element) and text:
        shaped["#text"] = text
    return shaped


def _add(shaped: Json, name: str, value: Any) -> None:
    present = shaped.get(name)
    if name not in shaped:
        shaped[name] = value
    elif isinstance(present, list):
        present.append(value)
    else:
        shaped[name] = [present, value]


def _tag(element: Element) -> str:
    return _bare(element.tag)


def _bare(name: str) -> str:
    return name.rpartition("}")[2]
