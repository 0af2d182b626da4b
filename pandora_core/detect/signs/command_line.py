"""Owns how command lines and scripts are read: without what only hides them, and with what they hide."""

from __future__ import annotations

import base64
import binascii
import re
from functools import lru_cache

from pandora_core.detect.signs.sign import Trace

_MAX_SCRIPT_CHARS = 32_768
_MAX_COMMAND_CHARS = 4_096
_NOISE = re.compile(r"[\^`]|\"\"|''")
_SPACES = re.compile(r"\s{2,}")
_ENCODED = re.compile(r"\s[-/]e(?:nc?|nco\w*|c)?\s+['\"]?([a-z0-9+/=]{24,})", re.IGNORECASE)
_REG_ADD = re.compile(r"\breg(?:\.exe)?\"? add \"?([^\"/]+?)\"?(?= /|$)")
_REG_NAME = re.compile(r" /v \"?([^\"/]+?)\"?(?= /|$)")
_REG_VALUE = re.compile(r" /d \"?([^\"]+?)\"?(?= /|$)")
_NUMBER = re.compile(r"(0x[0-9a-f]{1,8}|\d{1,9})")


@lru_cache(maxsize=16_384)
def program_of(path: str) -> str:
    """A program's name without folder and ``.exe``, in lower case."""
    return path.lower().rpartition("\\")[2].strip('"').removesuffix(".exe")


def plain(command: str) -> str:
    """A command line without the marks that only hide what it says, and with single spaces."""
    return _SPACES.sub(" ", _NOISE.sub("", command[:_MAX_COMMAND_CHARS]))


def plain_script(script: str) -> str:
    """A script without the marks that only hide what it says."""
    return _NOISE.sub("", script[:_MAX_SCRIPT_CHARS])


def hidden_script(command: object, program: str) -> tuple[Trace, ...]:
    """The script in an encoded command: base64 of UTF-16, as PowerShell takes it."""
    found = _ENCODED.search(command) if isinstance(command, str) else None
    if found is None:
        return ()
    text = found[1].rstrip("=")
    text = text[: len(text) - (len(text) % 4 == 1)]  # a command that the log has cut
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return ()
    script = raw.decode("utf-16-le", "ignore")
    return (Trace("script", program, text=plain_script(script.lower())),)


@lru_cache(maxsize=4096)
def host_application(command: str) -> tuple[Trace, ...]:
    """What the command line of PowerShell says, which each of its events repeats."""
    return Trace("process", "powershell", text=plain(command.lower())), *hidden_script(command, "powershell")


def added_value(command: str) -> tuple[Trace, ...]:
    """What ``reg add`` writes, as Sysmon words it when it is written."""
    key = _REG_ADD.search(command)
    if key is None:
        return ()
    name, value = _REG_NAME.search(command), _REG_VALUE.search(command)
    text = value[1].strip() if value else ""
    if _NUMBER.fullmatch(text):
        text = f"dword (0x{int(text, 16 if text.startswith('0x') else 10):08x})"
    return (Trace("registry", "reg", text=f"{key[1].strip()}\\{name[1].strip() if name else '(default)'} = {text}"),)
