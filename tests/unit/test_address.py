from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandora_core.ingest.address import MAX_ADDRESS_CHARS, canonical_ip


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("::FFFF:10.0.0.1", "10.0.0.1"),
        ("::ffff:0a00:0001", "10.0.0.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::", "::"),
    ],
)
def test_an_address_is_written_canonically(written, canonical):
    assert canonical_ip(written) == canonical


@pytest.mark.parametrize(
    "text", ["", "-", "(empty)", "host.example", "10.0.0", "010.0.0.1", "10.0.0.1:80", "١.1.1.1"]
)
def test_what_is_no_address_gives_none(text):
    assert canonical_ip(text) is None


def test_an_endless_text_is_refused_before_it_fills_the_cache():
    assert canonical_ip("1" * (MAX_ADDRESS_CHARS + 1)) is None


@given(st.text(max_size=80))
def test_hostile_text_never_raises(text):
    canonical_ip(text)


@given(st.ip_addresses())
def test_a_canonical_address_stays_the_same_address(address):
    written = canonical_ip(str(address))
    mapped = getattr(address, "ipv4_mapped", None)
    assert ipaddress.ip_address(written) == (mapped or address)
    assert canonical_ip(written) == written
