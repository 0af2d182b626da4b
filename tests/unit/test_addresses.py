"""Kinds of addresses."""

from __future__ import annotations

import pytest

from pandora_core.detect.addresses import is_address, is_group_address, is_internal, is_local


@pytest.mark.parametrize(
    "address", ["10.1.1.1", "172.16.0.0", "172.31.255.254", "192.168.1.1", "169.254.9.9", "fe80::1", "fd00::1"]
)
def test_addresses_of_our_own_networks_are_internal(address: str) -> None:
    assert is_internal(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "203.0.113.9", "2001:db8::1", "no address", ""])
def test_all_others_are_not(address: str) -> None:
    assert not is_internal(address)


@pytest.mark.parametrize(
    "address", ["224.0.0.251", "ff02::1", "10.0.0.255", "255.255.255.255", "0.0.0.0", "::", "no address"]
)
def test_packets_to_a_group_address_go_to_no_single_host(address: str) -> None:
    assert is_group_address(address)


def test_a_single_hosts_address_is_no_group_address() -> None:
    assert not is_group_address("10.0.0.5")
    assert not is_group_address("fe80::1")


def test_the_host_itself_is_local() -> None:
    assert [is_local(address) for address in ("127.0.0.53", "::1", "0.0.0.0", "10.0.0.5")] == [
        True,
        True,
        True,
        False,
    ]


def test_an_address_is_told_from_a_name() -> None:
    assert [is_address(text) for text in ("10.0.0.5", "::1", "10.0.0", "ws-5", "")] == [
        True,
        True,
        False,
        False,
        False,
    ]
