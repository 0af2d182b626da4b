"""The registry of commands, and the reading of a typed one."""

from __future__ import annotations

from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

from pandora_tui.commands import (
    COMMANDS,
    EVERYWHERE,
    PLACES,
    TABLE,
    bindings,
    command_of,
    completions,
    key_sign,
    matching,
    parse,
    place_of,
    reference,
    typed_commands,
)


def typed() -> list[object]:
    return list(typed_commands(["overview"]))


def test_every_command_has_a_name_of_its_own_and_says_what_it_does() -> None:
    assert [name for name, count in Counter(command.name for command in COMMANDS).items() if count > 1] == []
    assert all(command.help and command.title and command.action and command.where for command in COMMANDS)
    assert all(len(command.help) <= 52 for command in COMMANDS), "longer ones would be cut in the palette"


def test_no_key_means_two_things_in_one_place() -> None:
    for place in (*(place.name for place in PLACES), TABLE, EVERYWHERE):
        here = [command for command in COMMANDS if place in command.where or EVERYWHERE in command.where]
        keys = Counter(key for command in here for key in command.keys)
        assert [key for key, count in keys.items() if count > 1] == []


def test_every_place_can_be_reached_by_its_digit_and_its_screen_exists() -> None:
    assert [place.key for place in PLACES] == list("123456789")
    for place in PLACES:
        module, _, name = place.screen.partition(":")
        assert place.name == getattr(import_module(f"pandora_tui.screens.{module}"), name).PLACE
        command = command_of(place.name)
        assert command is not None
        assert command.keys == (place.key,)


def test_an_unknown_place_or_command_is_said_to_be_unknown() -> None:
    assert command_of("no such") is None
    assert command_of(None) is None
    with pytest.raises(KeyError):
        place_of("no such")


def test_bindings_carry_the_command_they_stand_for() -> None:
    assert {binding.id for binding in bindings(TABLE)} == {  # type: ignore[union-attr]
        command.name for command in COMMANDS if TABLE in command.where
    }


def test_moving_a_cursor_is_not_a_command_to_type() -> None:
    names = {command.name for command in typed_commands(["threats"])}
    assert "page up" not in names
    assert {"threats", "theme", "quit"} <= names


@pytest.mark.parametrize(
    ("line", "name", "argument"),
    [
        ("threats", "threats", ""),
        ("  Threats ", "threats", ""),
        ("theme light", "theme", "light"),
        ("theme Light Blue", "theme", "Light Blue"),
        ("th", None, ""),
        ("thr", "threats", ""),
        ("q", "quit", ""),
        ("nonsense", None, ""),
        ("", None, ""),
    ],
)
def test_a_line_is_a_command_by_its_whole_name_or_an_unmistakable_beginning(
    line: str, name: str | None, argument: str
) -> None:
    found = parse(line, typed_commands(["overview"]))
    assert (found.command.name if found.command else None, found.argument) == (name, argument)


def test_completion_offers_names_then_the_values_of_an_argument() -> None:
    commands = list(typed_commands(["overview"]))
    assert completions("th", commands) == ["threats", "theme"]
    assert completions("theme ", commands) == ["theme dark", "theme light", "theme ansi"]
    assert completions("theme l", commands) == ["theme light"]
    assert completions("work", commands) == ["network"]
    assert len(completions("", commands)) == len(commands)


def test_the_palette_finds_a_command_by_the_words_of_its_help() -> None:
    commands = list(typed_commands(["overview"]))
    assert [command.name for command in matching("audit trail", commands)] == ["vault"]
    assert matching("net", commands)[0].name == "network"
    assert matching("no such words", commands) == []


def test_keys_are_written_as_a_person_reads_them() -> None:
    assert [key_sign(key) for key in ("colon", "question_mark", "ctrl+p", "q")] == [":", "?", "ctrl+p", "q"]


def test_the_reference_lists_every_command_once() -> None:
    rows = reference().splitlines()[2:]
    assert len(rows) == len(COMMANDS)
    assert "| everywhere | `ctrl+p` | `:palette` | Find a command |" in rows


def test_the_documentation_lists_the_keys_as_they_are() -> None:
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text("utf-8")
    assert reference().strip() in page, "docs/cli.md is behind: put commands.reference() there"
