"""Owns what the vault's dialogs ask for, and what is done with the answers; the latter runs on errands.

What a person types is a ``str``, which Python cannot wipe; from here on it is a secret that can.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pandora_tui.stories.words import day_text
from pandora_tui.widgets.dialogs import Blank

if TYPE_CHECKING:
    from pandora_core.vault.agent.answers import EntryView, Field, SlotView, VaultStatus
    from pandora_core.vault.agent.client import Client, Way
    from pandora_core.vault.crypto.secret import Secret
    from pandora_core.vault.crypto.totp import Recipe

PROFILES = ("high", "standard", "cnsa")
LEAST_CHARACTERS = 12
_MAIN_FIELDS = {"token": "token", "login": "password", "note": "text", "totp": "seed", "key": "key"}

NEW_VAULT = (
    Blank("passphrase", "passphrase", is_secret=True),
    Blank("again", "the same again", is_secret=True),
    Blank("profile", "profile: high, standard (readable by age) or cnsa", "high"),
)
NEW_ENTRY = (
    Blank("name", "name", placeholder="ibm-quantum"),
    Blank("kind", f"kind: {', '.join(_MAIN_FIELDS)}", "token"),
    Blank("value", "secret value", is_secret=True),
    Blank("user", "user, for a login"),
    Blank("tags", "tags, with spaces between"),
    Blank("note", "note (no secret)"),
)


NEW_SLOT = (
    Blank("label", "label: whose it is", placeholder="night shift"),
    Blank("passphrase", "passphrase", is_secret=True),
    Blank("again", "the same again", is_secret=True),
)


def check_new_vault(values: dict[str, str]) -> str:
    """What is wrong with a new vault's form."""
    wrong = _check_passphrase(values)
    return wrong or ("" if values["profile"] in PROFILES else f"profiles: {', '.join(PROFILES)}")


def check_new_slot(values: dict[str, str]) -> str:
    """What is wrong with a new slot's form."""
    return _check_passphrase(values) if values["label"].strip() else "a label says later whose way in it is"


def check_entry(values: dict[str, str]) -> str:
    """What is wrong with a new entry's form."""
    if not values["name"].strip():
        return "an entry wants a name"
    if values["kind"] not in _MAIN_FIELDS:
        return f"kinds: {', '.join(_MAIN_FIELDS)}"
    return check_value(values["value"])


def check_edit(values: dict[str, str]) -> str:
    """What is wrong with an edited entry's form."""
    return "" if values["name"].strip() else "an entry wants a name"


def check_value(text: str) -> str:
    """What is wrong with a secret value."""
    return "" if text else "nothing was typed; esc leaves"


def check_file(text: str) -> str:
    """What is wrong with a key file's path."""
    return "" if os.path.isfile(os.path.expanduser(text.strip())) else "there is no such file"


def of_entry(entry: EntryView) -> tuple[Blank, ...]:
    """The form that changes what is no secret about an entry."""
    return (
        Blank("name", "name", entry.name),
        Blank("tags", "tags, with spaces between", " ".join(entry.tags)),
        Blank("note", "note (no secret)", entry.note),
    )


def passphrase_way(typed: str) -> Way:
    """A passphrase as a way in."""
    from pandora_core.vault.agent.client import Way
    from pandora_core.vault.agent.secret_sources import passphrase_secret

    return Way(passphrase=passphrase_secret(typed))


def key_file_way(path: str) -> Way:
    """A key file as a way in."""
    from pandora_core.vault.agent.client import Way
    from pandora_core.vault.agent.secret_sources import read_secret_file

    return Way(key_file=read_secret_file(Path(path.strip()).expanduser(), exact=True))


def unlock(client: Client, way: Way) -> VaultStatus:
    """Unlock, and wipe what opened it."""
    try:
        return client.unlock(way)
    finally:
        way.wipe()


def add_slot(client: Client, values: dict[str, str]) -> SlotView:
    """Add the slot of a form."""
    way = passphrase_way(values["passphrase"])
    try:
        return client.add_slot(values["label"].strip(), way)
    finally:
        way.wipe()


def put(client: Client, values: dict[str, str]) -> EntryView:
    """Add the entry of a form."""
    from pandora_core.vault.agent.protocol import Draft

    main = _MAIN_FIELDS[values["kind"]]
    plain = {"user": values["user"].strip()} if values["user"].strip() else {}
    draft = Draft(
        name=values["name"].strip(),
        kind=values["kind"],
        tags=tuple(values["tags"].split()),
        note=values["note"].strip(),
        hidden=(main,),
    )
    with _fields({main: values["value"], **plain}) as fields:
        return client.put(draft, fields)


def edit(client: Client, entry: EntryView, values: dict[str, str]) -> EntryView:
    """Write what a form changed about an entry."""
    from pandora_core.vault.agent.protocol import Changes

    changes = Changes(name=values["name"].strip(), tags=tuple(values["tags"].split()), note=values["note"].strip())
    return client.edit(entry.name, changes)


def rotate(client: Client, entry: EntryView, typed: str) -> EntryView:
    """Give an entry's main secret a new value."""
    from pandora_core.vault.agent.protocol import Changes

    with _fields({entry.main_field: typed}) as fields:
        return client.edit(entry.name, Changes(), fields)


def values_of(client: Client, entry: EntryView, *, is_all: bool, version: int | None = None) -> dict[str, str]:
    """The values of an entry as text: all, or those that are not hidden."""
    with client.get(entry.name, version) as opened:
        return {
            field.name: field.value.reveal().decode("utf-8", "replace")
            for field in opened.fields
            if is_all or field.name not in opened.entry.hidden
        }


def recipe_of(client: Client, entry: EntryView) -> tuple[Recipe, Secret]:
    """How the one-time codes of an entry are made; the seed is the caller's to wipe.

    Raises:
        ConfigError: what it holds is no seed.
    """
    from pandora_core.vault.crypto.totp import read_seed

    with client.get(entry.name) as opened:
        return read_seed(opened.value())


def copy(client: Client, entry: EntryView, clear_after_s: int) -> str:
    """Put an entry's main secret on the terminal's clipboard; returns what may keep it from being cleared."""
    from pandora_core.cli import clipboard

    with client.get(entry.name) as opened:
        clipboard.copy(opened.value(), clear_after_s)
    return clipboard.warning(os.environ)


def version_text(version: EntryView) -> str:
    """A version of an entry in one line."""
    return f"{version.version:>3}  {day_text(version.changed_ms * 1000)}  {', '.join(version.fields)}"


def _check_passphrase(values: dict[str, str]) -> str:
    if len(values["passphrase"]) < LEAST_CHARACTERS:
        return f"a passphrase of {LEAST_CHARACTERS} characters or more: four or five random words are good"
    if values["passphrase"] != values["again"]:
        return "the two are not the same"
    return ""


@contextmanager
def _fields(values: dict[str, str]) -> Iterator[list[Field]]:
    from pandora_core.vault.agent.answers import Field
    from pandora_core.vault.crypto.secret import Secret

    made = [Field(name, Secret.absorb(bytearray(text.encode()))) for name, text in values.items()]
    try:
        yield made
    finally:
        for field in made:
            field.value.wipe()
