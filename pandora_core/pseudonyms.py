"""Owns the pseudonyms of people and hosts in what leaves the house: keyed, stable, one for all spellings of a name.

Who has the key can find a name by trying it; who has not learns only that the same name is the same. Names are found
where the shapes of :mod:`~pandora_core.shapes` and ECS have them, and replaced wherever else they stand, in all that
is given out together; so are internal addresses, hardware addresses, SIDs of domains, mail addresses, and Pandora's
own ids, which hash names. What stands nowhere but in free text is not found; raw lines are left out for that. Not
replaced: public addresses, domains, and accounts that are no person's (``SYSTEM``, ``root``).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator
from typing import Any

from pandora_core.detect.addresses import is_address, is_internal, is_local
from pandora_core.detect.names import is_name, machine_of, place_of, user_name
from pandora_core.errors import ConfigError

KEY_BYTES_AT_LEAST = 16
PSEUDONYM_DIGITS = 12
"""Of 48 bits: among 100,000 names the chance that two share a pseudonym is one in 56,000."""

_NOBODY = re.compile(
    r"system|local service|network service|anonymous logon|iusr|administrator|admin|root|guest|krbtgt|"
    r"(dwm|umfd)-\d+|localhost|-|\(.*\)",
    re.IGNORECASE,
)
_RAW = frozenset({"event.original", "excerpt"})
_USERS = re.compile(
    r"users|actor|assignee|user|(.*\.)?user(\.\w+)?\.name|.*\.subject\.user|"
    r".*\.((Target|Subject|Source|Destination)?User(Name)?|(Account|Member|Sam)\w*Name)"
)
_HOSTS = re.compile(
    r"hosts?|host\.name|client\.hostname|source\.domain|destination\.domain|"
    r".*\.(Workstation(Name)?|Computer(Name)?|hostname|(Destination|Source)Hostname|TargetServerName)"
)
_ENTITIES = frozenset({"entity", "entities", "subject", "related"})
_ENTITY = re.compile(r"(host|user|address):(\S.*)", re.DOTALL)
_HOME = re.compile(r"(?:[A-Za-z]:\\+Users\\+|/home/)([\w.$-]{2,64})")
_SHARED_HOMES = frozenset({"public", "default", "all", "shared"})
_TOKEN = re.compile(
    r"(?P<id>\b[A-Z]-[0-9a-f]{8,16}\b)|(?P<sid>\bS-1-5-21(?:-\d+){3,4})|"
    r"(?P<mac>\b[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}\b)|"
    r"(?P<address>(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})(?![\w:]))|"
    r"(?P<mail>[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+)|(?P<word>[\w$-]+(?:\.[\w$-]+)*)"
)
_SHORTEST_IN_TEXT = 3


class Pseudonyms:
    """Gives names their pseudonyms; :attr:`names` are those that it gave, to be kept in the house."""

    def __init__(self, key: bytes) -> None:
        """
        Raises:
            ConfigError: the key is short enough to be guessed.
        """
        if len(key) < KEY_BYTES_AT_LEAST:
            raise ConfigError(
                f"the pseudonym key has under {KEY_BYTES_AT_LEAST} bytes",
                hint="pandora vault rotate pseudonym-key --generate",
            )
        self._key = hmac.new(key, b"pandora pseudonyms/v1", "sha256").digest()
        self.names: dict[str, str] = {}
        self._known: dict[str, str] = {}
        self._phrases: dict[str, str] = {}
        self._phrase = re.compile("(?!)")

    def user(self, name: str) -> str:
        """``user-7f3a…``, the same for ``CORP\\\\Ann``, ``ann@corp`` and ``ANN``; a machine account is a host."""
        machine = machine_of(name)
        if machine is not None:
            return self.host(machine)
        plain = user_name(name)
        return name if not plain.strip() or _NOBODY.fullmatch(plain) else self._give("user", plain)

    def host(self, name: str) -> str:
        """``host-7f3a…``, the same with and without domain; an address is one of a host where it is internal."""
        if is_address(name):
            return self.address(name)
        plain = place_of(name)
        return name if not is_name(name) or _NOBODY.fullmatch(plain) else self._give("host", plain)

    def address(self, address: str) -> str:
        """``address-7f3a…`` of an internal address; a public one stays as it is."""
        if not is_address(address) or not is_internal(address) or is_local(address):
            return address
        return self._give("address", address)

    def replace(self, shape: Any) -> Any:
        """The shape of whatever is given out, with pseudonyms in it; give all of it at once, since names are found
        in one place and replaced in others."""
        for key, text in _texts(shape, ""):
            self._learn(key, text)
        longest_first = sorted(self._phrases, key=len, reverse=True)
        self._phrase = re.compile("|".join(map(re.escape, longest_first)) or "(?!)", re.IGNORECASE)
        return self._rewritten(shape, "")

    def _learn(self, key: str, text: str) -> None:
        """Note whom a value names."""
        if key in _ENTITIES and (entity := _ENTITY.fullmatch(text)) is not None:
            self._named(*entity.groups())
        elif _USERS.fullmatch(key):
            self._named("user", text)
        elif (_HOSTS.fullmatch(key) and not key.endswith(".domain")) or (_HOSTS.fullmatch(key) and "." not in text):
            self._named("host", text)
        else:
            for home in _HOME.findall(text):
                if home.casefold() not in _SHARED_HOMES:
                    self._named("user", home)

    def _named(self, kind: str, name: str) -> None:
        pseudonym = self._of(kind, name)
        if pseudonym == name:
            return
        folded = name.casefold()
        for spelling in {folded, user_name(name) if kind == "user" else place_of(name)}:
            self._known.setdefault(spelling.rstrip("$"), pseudonym)
        if not _TOKEN.fullmatch(name) and len(re.findall(r"\w", name)) >= _SHORTEST_IN_TEXT:
            self._phrases[folded] = pseudonym

    def _of(self, kind: str, name: str) -> str:
        return {"user": self.user, "host": self.host, "address": self.address}[kind](name)

    def _rewritten(self, value: Any, key: str) -> Any:
        if isinstance(value, dict):
            return {name: None if name in _RAW else self._rewritten(each, name) for name, each in value.items()}
        if isinstance(value, list):
            return [self._rewritten(each, key) for each in value]
        return self._rewritten_text(value, key) if isinstance(value, str) else value

    def _rewritten_text(self, text: str, key: str) -> str:
        if key in _ENTITIES and (entity := _ENTITY.fullmatch(text)) is not None:
            kind, name = entity.groups()
            return f"{kind}:{self._of(kind, name)}"
        if _USERS.fullmatch(key):
            return self.user(text)
        if _HOSTS.fullmatch(key) and (not key.endswith(".domain") or place_of(text) in self._known):
            return self.host(text)
        text = self._phrase.sub(lambda found: self._phrases.get(found.group().casefold(), "user"), text)
        return _TOKEN.sub(self._token, text)

    def _token(self, found: re.Match[str]) -> str:
        kind, text = found.lastgroup or "", found.group()
        if kind == "word":
            return self._word(text)
        if kind == "address":
            return self.address(text)
        return self.user(text) if kind == "mail" else self._give(kind, text)

    def _word(self, word: str) -> str:
        known = self._lookup(word) or ("." in word and self._lookup(place_of(word)))
        if known:
            return known
        labels = word.split(".")
        return ".".join(self._lookup(label) or label for label in labels) if len(labels) > 1 else word

    def _lookup(self, word: str) -> str | None:
        if len(word) < _SHORTEST_IN_TEXT or word.isdigit():
            return None
        return self._known.get(word.casefold().rstrip("$"))

    def _give(self, kind: str, name: str) -> str:
        made = hmac.new(self._key, f"{kind}\0{name}".encode("utf-8", "surrogatepass"), "sha256").hexdigest()
        digits = 8 if kind == "id" else PSEUDONYM_DIGITS
        pseudonym = f"{name[0] if kind == 'id' else kind}-{made[:digits]}"
        self.names[pseudonym] = name
        return pseudonym


def _texts(value: Any, key: str) -> Iterator[tuple[str, str]]:
    """Every text of a shape, with the name of the member that it is in."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _texts(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each, key)
    elif isinstance(value, str):
        yield key, value
