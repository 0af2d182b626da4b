"""Which host had which address when."""

from __future__ import annotations

import pytest

from pandora_core.detect.names import MAX_ALIASES, Names, is_name, machine_of, place_of, short_name, user_name
from pandora_core.model import EntityRef, Event
from tests.unit.streams import at, lease, own_connection, ssh, windows_logon

ADDRESS = "10.0.0.5"


def test_a_host_that_logs_its_own_connections_names_its_address() -> None:
    names = Names()
    assert ADDRESS in names.learn(own_connection(at(), "WS-5.corp.example", ADDRESS))
    assert names.entity_at(ADDRESS, at()) == EntityRef("host", "WS-5")


def test_an_inbound_connection_names_the_address_that_was_reached() -> None:
    names, event = Names(), own_connection(at(), "WS-5", "10.0.0.9")
    inbound = Event(
        at_us=at(),
        dataset="windows.security",
        category="network",
        action="connection",
        code="5156",
        host="WS-5",
        source_ip="10.0.0.9",
        destination_ip=ADDRESS,
        more={"winlog.event_data.Direction": "%%14592"},
    )
    names.learn(inbound)
    assert names.host_at(ADDRESS, at()) == "WS-5"
    assert names.host_at("10.0.0.9", at()) is None
    assert event.source_ip == "10.0.0.9"


def test_an_address_has_the_name_that_it_had_at_the_time() -> None:
    names = Names()
    names.learn(lease(at(0), "laptop-1", ADDRESS))
    names.learn(lease(at(60), "laptop-2", ADDRESS))
    assert [names.host_at(ADDRESS, at(minutes)) for minutes in (-5, 0, 59, 60, 900)] == [
        *("laptop-1", "laptop-1", "laptop-1"),
        *("laptop-2", "laptop-2"),
    ]


def test_what_is_said_late_takes_its_place_in_time() -> None:
    names = Names()
    names.learn(lease(at(60), "laptop-2", ADDRESS))
    assert names.learn(lease(at(0), "laptop-1", ADDRESS)) == [ADDRESS]
    assert names.host_at(ADDRESS, at(30)) == "laptop-1"


def test_only_news_is_news() -> None:
    names = Names()
    names.learn(lease(at(), "ws-5", ADDRESS))
    assert names.learn(lease(at(9), "ws-5", ADDRESS)) == []
    assert names.learn(lease(at(-9), "ws-5.corp.example", ADDRESS)) == []


def test_a_machine_account_that_logs_on_claims_its_address() -> None:
    names = Names()
    names.learn(windows_logon(at(), ADDRESS, "dc-1", "WS-5$"))
    assert names.host_at(ADDRESS, at()) == "WS-5"


def test_a_host_is_believed_more_than_a_claim_about_it() -> None:
    names = Names()
    names.learn(windows_logon(at(), ADDRESS, "dc-1", workstation="KALI"))
    names.learn(own_connection(at(), "WS-5", ADDRESS))
    assert names.host_at(ADDRESS, at()) == "WS-5"


def test_an_address_that_claims_two_names_has_none() -> None:
    names = Names()
    names.learn(windows_logon(at(), ADDRESS, "dc-1", workstation="WS-5"))
    assert names.host_at(ADDRESS, at()) == "WS-5"
    assert ADDRESS in names.learn(windows_logon(at(), ADDRESS, "dc-1", workstation="WS-7"))
    assert names.entity_at(ADDRESS, at()) == EntityRef("address", ADDRESS)


def test_a_failed_log_on_proves_no_name() -> None:
    names = Names()
    names.learn(windows_logon(at(), ADDRESS, "dc-1", outcome="failure", workstation="WS-9"))
    assert names.host_at(ADDRESS, at()) is None


def test_a_remote_desktop_log_on_that_gives_the_servers_name_proves_nothing() -> None:
    names = Names()
    names.learn(windows_logon(at(), ADDRESS, "SRV-1.corp.example", workstation="SRV-1", kind=10))
    assert names.host_at(ADDRESS, at()) is None


def test_a_sensor_that_sees_an_ntlm_log_on_learns_both_names() -> None:
    names = Names()
    seen = Event(
        at_us=at(),
        dataset="zeek.ntlm",
        category="authentication",
        action="logon",
        outcome="success",
        user="alice",
        source_ip=ADDRESS,
        source_domain="WS-5",
        destination_ip="10.0.0.9",
        destination_domain="srv-1.corp.example",
    )
    names.learn(seen)
    assert names.host_at(ADDRESS, at()) == "WS-5"
    assert names.host_at("10.0.0.9", at()) == "srv-1"


def test_of_two_spellings_capitals_win_and_the_places_that_show_it_are_news() -> None:
    names = Names()
    names.learn(lease(at(), "ws-5", ADDRESS))
    assert names.host_at(ADDRESS, at()) == "ws-5"
    assert set(names.learn(ssh(at(), "success", host="WS-5.corp.example"))) == {"ws-5", ADDRESS}
    assert names.host_at(ADDRESS, at()) == "WS-5"
    assert names.learn(ssh(at(), "success", host="ws-5")) == []


def test_what_was_learnt_first_is_forgotten_first_and_that_is_news() -> None:
    names = Names(capacity=2)
    for number in range(3):
        changed = names.learn(lease(at(number), "ws", f"10.0.0.{number}"))
    assert "10.0.0.0" in changed
    assert names.host_at("10.0.0.0", at()) is None
    assert names.host_at("10.0.0.2", at()) == "ws"


def test_names_survive_a_snapshot() -> None:
    names, restored = Names(), Names()
    names.learn(lease(at(), "ws-5", ADDRESS))
    names.learn(windows_logon(at(), "10.0.0.6", "DC-1", "WS-6$"))
    restored.load(names.dump())
    assert restored.host_at(ADDRESS, at()) == "ws-5"
    assert restored.host_at("10.0.0.6", at()) == "WS-6"
    assert restored.learn(ssh(at(), "success", host="WS-5")) == names.learn(ssh(at(), "success", host="WS-5"))


def test_a_strangers_dotted_name_is_an_address_and_not_one_of_our_hosts() -> None:
    assert Names().entity_at("host-9.example.net", at()) == EntityRef("address", "host-9.example.net")


@pytest.mark.parametrize(
    ("text", "short", "place"),
    [
        ("WS-5.corp.example", "WS-5", "ws-5"),
        ("\\\\WS-5", "WS-5", "ws-5"),
        ("WS-5$", "WS-5", "ws-5"),
        ("10.0.0.5", "10.0.0.5", "10.0.0.5"),
        ("2001:db8::5", "2001:db8::5", "2001:db8::5"),
    ],
)
def test_a_hosts_name_is_shortened_and_an_address_is_not(text: str, short: str, place: str) -> None:
    assert (short_name(text), place_of(text)) == (short, place)


@pytest.mark.parametrize(
    ("account", "user", "machine"),
    [
        ("CORP\\Alice", "alice", None),
        ("alice@CORP.EXAMPLE", "alice", None),
        ("WS-5$@CORP.EXAMPLE", "ws-5$", "WS-5"),
        ("CORP\\WS-5$", "ws-5$", "WS-5"),
        ("$", "$", None),
    ],
)
def test_accounts_are_told_from_machines(account: str, user: str, machine: str | None) -> None:
    assert (user_name(account), machine_of(account)) == (user, machine)


def test_a_host_has_the_addresses_that_it_says_itself_and_none_that_others_claim_for_it() -> None:
    names = Names()
    names.state("10.0.0.5", "WS-5", 10)
    assert names.state("10.0.0.6", "ws-5.corp.example", 20) == ["10.0.0.6"]
    names.claim("10.0.0.7", "WS-5")
    assert names.aliases("10.0.0.5") == {"10.0.0.6"}
    assert names.aliases("10.0.0.7") == set()
    assert names.addresses_of("ws-5") == {"10.0.0.5", "10.0.0.6", "10.0.0.7"}
    other = Names()
    other.load(names.dump())
    assert other.aliases("10.0.0.6") == {"10.0.0.5"}


def test_of_too_many_addresses_a_host_keeps_those_told_last_and_says_which_is_gone() -> None:
    names = Names()
    for number in range(MAX_ALIASES):
        names.state(f"10.0.0.{number}", "WS-5", number)
    assert "10.0.0.0" in names.state("10.0.1.1", "WS-5", 99)
    assert names.aliases("10.0.1.1") == {f"10.0.0.{number}" for number in range(1, MAX_ALIASES)}


@pytest.mark.parametrize("text", ["", "-", " ", "NULL", "10.0.0.5", "::1"])
def test_what_stands_for_no_name_is_none(text: str) -> None:
    assert not is_name(text)
    assert is_name("WS-5")
