"""Pseudonyms: keyed, stable, the same for every spelling; and no name is left where one was found."""

from __future__ import annotations

import hmac
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandora_core.errors import ConfigError
from pandora_core.pseudonyms import Pseudonyms

KEY = bytes(range(32))

ALERT: dict[str, Any] = {
    "id": "A-3f9c1b2a",
    "entity": "host:WS-12",
    "title": "ws-12 was logged on to by CORP\\j.doe from 10.0.4.7",
    "hosts": ["WS-12", "FILES.corp.example"],
    "users": ["CORP\\j.doe", "WS-12$", "SYSTEM"],
    "reasons": [
        "J.Doe never used WS-12 before; files.corp.example did, and JANE Q PUBLIC",
        r"C:\Users\mary.moe\run.exe as S-1-5-21-1-22-333-500",
    ],
    "risk": 71.5,
    "actions": [{"actor": "ann", "host": "soc-1", "subject": "A-3f9c1b2a", "kind": "assign", "value": "ann"}],
    "events": [
        {
            "user.name": "j.doe@corp.example",
            "host.name": "ws-12.corp.example",
            "source.ip": "10.0.4.7",
            "destination.ip": "203.0.113.9",
            "destination.domain": "evil.example",
            "winlog.event_data.TargetUserName": "mary.moe",
            "message": "An account was logged on: mary.moe on WS-12, by Jane Q Public, 00:11:22:aa:bb:cc",
            "winlog.event_data.DisplayName": "x",
            "user.target.name": "Jane Q Public",
            "event.original": "<raw>secretly.hidden</raw>",
        }
    ],
    "next_steps": {"pivots": [{"command": "pandora events search WS-12 --text 'j.doe'"}]},
}  # fmt: skip
NAMES = [
    *("ws-12", "j.doe", "files", "mary.moe", "soc-1", "ann", "10.0.4.7", "jane"),
    *("3f9c1b2a", "s-1-5", "bb:cc", "secretly"),
]


def test_no_name_is_left_anywhere_in_what_is_given_out() -> None:
    text = json.dumps(Pseudonyms(KEY).replace(ALERT)).casefold()
    assert [name for name in NAMES if name in text] == []


def test_what_is_nobodys_name_stays_as_it_is() -> None:
    replaced = Pseudonyms(KEY).replace(ALERT)
    event = replaced["events"][0]
    assert (event["destination.ip"], event["destination.domain"]) == ("203.0.113.9", "evil.example")
    assert (replaced["risk"], replaced["users"][2]) == (71.5, "SYSTEM")
    assert replaced["events"][0]["event.original"] is None
    assert replaced["actions"][0]["kind"] == "assign"


def test_all_spellings_of_a_name_have_one_pseudonym_and_it_is_the_documented_one() -> None:
    made = Pseudonyms(KEY)
    user, host = made.user("CORP\\j.doe"), made.host("WS-12")
    assert {made.user(name) for name in ("j.doe", "J.DOE@corp.example", "corp\\J.Doe")} == {user}
    assert {made.host("ws-12.corp.example"), made.user("WS-12$"), made.user("ws-12$@CORP")} == {host}
    subkey = hmac.new(KEY, b"pandora pseudonyms/v1", "sha256").digest()
    assert user == "user-" + hmac.new(subkey, b"user\0j.doe", "sha256").hexdigest()[:12]
    replaced = made.replace(ALERT)
    assert replaced["title"] == f"{host} was logged on to by {user} from {made.address('10.0.4.7')}"
    assert replaced["next_steps"]["pivots"][0]["command"] == f"pandora events search {host} --text '{user}'"
    assert replaced["entity"] == f"host:{host}"
    assert replaced["actions"][0]["subject"] == replaced["id"] != ALERT["id"]


def test_the_same_key_gives_the_same_everywhere_and_another_key_another() -> None:
    again, other = Pseudonyms(KEY).replace(ALERT), Pseudonyms(bytes(32)).replace(ALERT)
    assert Pseudonyms(KEY).replace(ALERT) == again
    assert not set(again["hosts"]) & set(other["hosts"])


def test_the_names_given_lead_back_and_the_input_is_not_changed() -> None:
    before, made = json.dumps(ALERT), Pseudonyms(KEY)
    replaced = made.replace(ALERT)
    assert made.names[replaced["hosts"][0]] == "ws-12"
    assert json.dumps(ALERT) == before


def test_a_pseudonym_and_short_or_numeric_names_do_not_garble_prose() -> None:
    shape = {"users": ["a", "1234"], "title": "a burst of 1234 failures"}
    replaced = Pseudonyms(KEY).replace(shape)
    assert replaced["title"] == shape["title"]
    assert all(name.startswith("user-") for name in replaced["users"])


@pytest.mark.parametrize("key", [b"", b"short", bytes(15)])
def test_a_key_that_can_be_guessed_is_refused(key: bytes) -> None:
    with pytest.raises(ConfigError, match="under 16 bytes"):
        Pseudonyms(key)


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=200))
def test_any_text_is_taken_and_names_of_fields_are_always_replaced(user: str, host: str, words: str) -> None:
    made = Pseudonyms(KEY)
    replaced = made.replace({"users": [user], "hosts": [host], "title": words, "n": [1, None, True]})
    assert replaced["users"][0] == user or replaced["users"][0].startswith(("user-", "host-", "address-"))
    assert replaced["hosts"][0] == host or replaced["hosts"][0].startswith(("host-", "address-"))
    assert replaced["n"] == [1, None, True]


@given(
    st.text(alphabet="bcdxyz0189.-_", min_size=3, max_size=12),
    st.sampled_from(["{} came", "from {}", "({})", "x={};", "'{}'", "\\{}"]),
)
def test_a_name_of_a_field_is_replaced_in_prose_whatever_stands_around_it(name: str, words: str) -> None:
    made = Pseudonyms(KEY)
    replaced = made.replace({"users": [name], "title": words.format(name)})
    if replaced["users"] != [name] and re.search(r"[a-z].*\w.*\w|\w.*[a-z].*\w|\w.*\w.*[a-z]", name):
        assert replaced["users"][0] in replaced["title"]
