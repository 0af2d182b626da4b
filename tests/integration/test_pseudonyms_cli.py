"""What leaves the house under pseudonyms: the key comes from the vault, and without it nothing is given out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from vaulting import Place

FAILED = "Mar  2 10:00:{:02} ws-77 sshd[42]: Failed password for mary.moe from 198.51.100.7 port 40{:02} ssh2\n"
PASSED = "Mar  2 10:01:00 ws-77 sshd[42]: Accepted password for mary.moe from 198.51.100.7 port 1 ssh2\n"


@pytest.fixture
def data(place: Place, tmp_path: Path) -> Path:
    log = tmp_path / "auth.log"
    log.write_text("".join(FAILED.format(second, second) for second in range(40)) + PASSED)
    asked(place.data, "ingest", str(log))
    return place.data


def asked(data: Path, *words: str) -> CompletedProcess[str]:
    command = [sys.executable, "-m", "pandora_tui", "--data", str(data), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60)


def given(data: Path, *words: str) -> Any:
    result = asked(data, *words, "--json", "--pseudonyms")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def make_key(place: Place) -> None:
    place.unlock()
    assert asked(place.data, "vault", "put", "pseudonym-key", "--generate").returncode == 0


def test_alerts_incidents_and_events_go_out_without_a_name_and_agree(place: Place, data: Path) -> None:
    make_key(place)
    found = [
        given(data, "alerts", "list"),
        given(data, "alerts", "export"),
        given(data, "incidents", "list"),
        given(data, "events", "search"),
    ]
    assert all(each["items"] for each in found[:2])
    assert not re.search(r"ws-77|mary|moe", json.dumps(found), re.IGNORECASE)
    event = found[3]["items"][0]
    assert event["user.name"] in json.dumps(found[0])
    assert event["source.ip"] == "198.51.100.7"
    shown = given(data, "alerts", "show", plain(data)["id"])
    assert shown["events"][0]["event.original"] is None
    assert not re.search(r"ws-77|mary|moe", json.dumps(shown), re.IGNORECASE)


def plain(data: Path) -> Any:
    return json.loads(asked(data, "alerts", "list", "--json").stdout)["items"][0]


def test_they_are_the_same_every_time_and_the_key_to_them_stays_in_a_private_file(
    place: Place, data: Path, tmp_path: Path
) -> None:
    make_key(place)
    first = given(data, "events", "search")
    kept = tmp_path / "names.json"
    second = asked(data, "events", "search", "--json", "--pseudonyms", "--names-to", str(kept))
    assert json.loads(second.stdout) == first
    assert json.loads(kept.read_text())[first["items"][0]["user.name"]] == "mary.moe"
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_locked_vault_and_one_without_a_key_are_refused_with_what_to_do(place: Place, data: Path) -> None:
    locked = asked(data, "events", "search", "--json", "--pseudonyms")
    assert (locked.returncode, locked.stdout) == (3, "")
    assert "pandora vault unlock" in locked.stderr
    place.unlock()
    without = asked(data, "events", "search", "--json", "--pseudonyms")
    assert (without.returncode, without.stdout) == (1, "")
    assert "pandora vault put pseudonym-key --generate" in without.stderr


def test_a_table_has_no_pseudonyms_and_names_are_kept_only_with_them(
    place: Place, data: Path, tmp_path: Path
) -> None:
    make_key(place)
    for words in (["--pseudonyms"], ["--names-to", str(tmp_path / "names")]):
        refused = asked(data, "alerts", "list", *words)
        assert (refused.returncode, refused.stdout) == (2, "")


def test_a_secret_that_is_made_up_is_not_shown_and_new_each_time(place: Place) -> None:
    make_key(place)
    values = []
    for _ in range(2):
        values.append(asked(place.data, "vault", "get", "pseudonym-key", "--field", "token").stdout.strip())
        assert values[-1] not in asked(place.data, "vault", "rotate", "pseudonym-key", "--generate").stdout
    assert all(re.fullmatch(r"[0-9a-f]{64}", value) for value in values)
    assert values[0] != values[1]
    both = asked(place.data, "vault", "put", "other", "--generate", "--value-fd", "0")
    assert (both.returncode, "made or given" in both.stderr) == (2, True)
