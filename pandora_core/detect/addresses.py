"""Owns what kind of address a text is: one of our own networks, of a group, of the host itself, or none."""

from __future__ import annotations

import ipaddress
import re

_INTERNAL: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
for _text in (
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8"),
    *("fc00::/7", "fe80::/10", "::1/128"),
):
    _network = ipaddress.ip_network(_text)
    _INTERNAL[_network.version].append((int(_network[0]), int(_network[-1])))
_IS_ADDRESS, _IS_INTERNAL, _IS_GROUP = 1, 2, 4
_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}")
_MAX_KNOWN = 65_536
_MAX_ADDRESS_CHARS = 64


def is_address(text: str) -> bool:
    """Whether a text is an IPv4 or IPv6 address."""
    return _KINDS[text] != 0


def is_internal(address: str) -> bool:
    """Whether an address is private, link-local or loopback (RFC 1918, 4193, 3927, 4291, 1122)."""
    return _KINDS[address] & _IS_INTERNAL != 0


def is_group_address(address: str) -> bool:
    """Whether packets to an address go to no single host: multicast, broadcast, unspecified; or it is no address."""
    kind = _KINDS[address]
    return kind == 0 or kind & _IS_GROUP != 0


def is_outside(address: str) -> bool:
    """Whether a text is the address of a single host that is not in one of our own networks."""
    return _KINDS[address] == _IS_ADDRESS


def is_local(address: str) -> bool:
    """Whether an address is the host itself."""
    return address.startswith("127.") or address in ("::1", "0.0.0.0", "::")  # noqa: S104


class _Kinds(dict[str, int]):
    """The kinds of the addresses met lately, asked several times an event."""

    def __missing__(self, text: str) -> int:
        kind = _kind_of(text)
        if len(text) <= _MAX_ADDRESS_CHARS:
            if len(self) >= _MAX_KNOWN:
                self.clear()
            self[text] = kind
        return kind


_KINDS = _Kinds()


def _kind_of(text: str) -> int:
    """What kinds of address a text is, in bits; 0 is none."""
    octets = _IPV4.fullmatch(text)
    if octets is not None:
        first, second, third, fourth = map(int, octets.groups())
        number, version = first << 24 | second << 16 | third << 8 | fourth, 4
        is_multicast = 224 <= first <= 239
    else:
        try:
            address = ipaddress.IPv6Address(text)
        except ValueError:
            return 0
        number, version, is_multicast = int(address), 6, address.is_multicast
    kind = _IS_ADDRESS
    for low, high in _INTERNAL[version]:
        if low <= number <= high:
            kind |= _IS_INTERNAL
    if is_multicast or number == 0 or text.endswith(".255"):
        kind |= _IS_GROUP
    return kind
