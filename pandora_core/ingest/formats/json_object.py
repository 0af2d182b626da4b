"""Owns how one JSON object of a hostile log line is decoded, mended, cleaned and flattened.

Strict decoding comes first, since nearly every line passes it. What a strict decoder refuses although a log may well
hold it (undecodable bytes, lone surrogates, bare control characters) is mended once and decoded again.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from pandora_core.ingest.format import MAX_FIELD_CHARS, MAX_LINE_BYTES, clean
from pandora_core.model import FieldValue, Scalar

Json = dict[str, Any]

MOST_INTEGER = (1 << 63) - 1
LEAST_INTEGER = -(1 << 63)
"""Whole numbers outside these bounds are kept as text, since a database cannot hold them as numbers."""

_MOST_DEPTH = 12
_UNSET = ("", "-")
_NESTED = (dict, list)
_CONTROLS = bytes(code for code in range(128) if (code < 32 and code not in b"\t\n") or code == 127)
_find_escape = re.compile(rb"\\[ubfr]").search
_decode = msgspec.json.Decoder().decode


def object_of(line: bytes) -> Json:
    """The object that a line holds, its texts cleaned.

    Raises:
        ValueError: it is not one whole JSON object; the message says why.
        RecursionError: it is nested too deeply.
    """
    document = decoded(line)
    if not isinstance(document, dict):
        hint = "; one object a line is expected" if isinstance(document, list) else ""
        raise ValueError(f"a JSON {type(document).__name__}, not an object{hint}")
    return cleaned(document) if needs_cleaning(line) else document


def decoded(line: bytes) -> Any:
    """The JSON value that a line holds, mended (and then cleaned too) if need be.

    Raises:
        ValueError: it is not JSON; the message says why.
        RecursionError: it is nested too deeply.
    """
    if len(line) > MAX_LINE_BYTES:
        raise ValueError(f"longer than {MAX_LINE_BYTES} bytes")
    try:
        return _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _decode_mended(line, error)


def needs_cleaning(line: bytes) -> bool:
    """Whether a JSON line may hold hostile or oversized text: :func:`is_suspect`, and carriage returns too.

    One search for the escapes costs a quarter of looking for each of them.
    """
    return len(line) > MAX_FIELD_CHARS or not line.isascii() or _find_escape(line) is not None or b"\x7f" in line


def cleaned(value: Any) -> Any:
    """A JSON value with every text cleaned and line ends as a single newline; objects are changed in place."""
    if isinstance(value, str):
        return value if value.isprintable() and len(value) <= MAX_FIELD_CHARS else _clean_text(value)
    if isinstance(value, dict):
        return _clean_object(value)
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    return value


def flatten(value: Any, name: str, into: dict[str, FieldValue], depth: int = 0) -> None:
    """Put every set value at or below ``value`` into ``into`` under its dotted name; very deep ones as JSON text."""
    if isinstance(value, dict) and depth < _MOST_DEPTH:
        for key, item in value.items():
            flatten(item, f"{name}.{key}" if name else key, into, depth + 1)
    elif isinstance(value, list) and value:
        into[name] = [scalar(item) for item in value if item is not None]
    elif value is not None and value not in _UNSET and value != []:
        into[name] = scalar(value)


def scalar(value: Any) -> Scalar:
    """A JSON value as one that an event can hold: nested ones and enormous numbers become text."""
    if isinstance(value, int) and not LEAST_INTEGER <= value <= MOST_INTEGER:
        return str(value)
    if isinstance(value, str | int | float):
        return value
    return clean(msgspec.json.encode(value).decode())


def _decode_mended(line: bytes, error: Exception) -> Any:
    try:
        lenient = json.loads(line.decode("utf-8-sig", "replace"), strict=False)
        return cleaned(_decode(json.dumps(lenient, ensure_ascii=False).encode("utf-8", "replace")))
    except ValueError:
        hint = "; one whole object a line is expected" if "truncated" in str(error) else ""
        raise ValueError(f"not a JSON object: {error}{hint}") from error


def _clean_object(document: Json) -> Json:
    """Most texts of a suspect line are harmless: only those that are not printable, or long, get a closer look."""
    suspects = [
        name
        for name, value in document.items()
        if (not value.isprintable() or len(value) > MAX_FIELD_CHARS if type(value) is str else type(value) in _NESTED)
    ]
    for name in suspects:
        document[name] = cleaned(document[name])
    return (
        document if _is_harmless("".join(document)) else {_clean_text(name): item for name, item in document.items()}
    )


def _clean_text(text: str) -> str:
    text = text.replace("\r\n", "\n")
    return text if _is_harmless(text) else clean(text)


def _is_harmless(text: str) -> bool:
    """Whether an ASCII text needs no cleaning: deleting its controls is four times as fast as searching for one."""
    if len(text) > MAX_FIELD_CHARS or not text.isascii():
        return False
    raw = text.encode()
    return len(raw.translate(None, _CONTROLS)) == len(raw)
