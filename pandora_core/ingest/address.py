"""Owns how an IP address of a log is written: one canonical text per address, whatever the log called it."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

MAX_ADDRESS_CHARS = 64
"""Longer text is no address (the longest IPv6 has 45, plus a zone), and must not fill the cache."""


def canonical_ip(text: str) -> str | None:
    """The canonical text of an address (RFC 5952), or ``None`` if ``text`` is no address.

    An IPv4-mapped IPv6 address becomes its IPv4 address; the zone of a link-local one (``%eth0``) is dropped,
    since it names an interface of the machine that logged it, not the peer.
    """
    return _canonical(text) if len(text) <= MAX_ADDRESS_CHARS else None


@lru_cache(maxsize=65_536)
def _canonical(text: str) -> str | None:
    try:
        if ":" not in text:
            return str(ipaddress.IPv4Address(text))
        address = ipaddress.IPv6Address(text.partition("%")[0])
    except ValueError:
        return None
    return str(address.ipv4_mapped or address)
