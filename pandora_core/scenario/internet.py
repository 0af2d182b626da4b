"""Owns the world outside: web sites, their certificates, and addresses from which strangers come.

Only addresses that belong to nobody are used: 198.18.0.0/15 (RFC 2544) for sites and bots, 198.51.100.0/24 and
203.0.113.0/24 (RFC 5737) for intruders; the company's own public addresses are 192.0.2.0/24 (RFC 5737).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from pandora_core.model import DAY_US, SECOND_US
from pandora_core.scenario.dice import Dice
from pandora_core.scenario.names import MAX_SITES, SITE_KINDS, site_name

DAY_S = DAY_US // SECOND_US
_AUTHORITIES = (
    "CN=Plain Trust R3,O=Plain Trust,C=NL",
    "CN=Quorum TLS CA 2,O=Quorum Certificates,C=DE",
    "CN=Everyday Issuing CA G4,O=Everyday Signing,C=SE",
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """The certificate a server shows; times in seconds since the epoch."""

    subject: str
    issuer: str
    not_before_s: int
    not_after_s: int
    names: tuple[str, ...]
    serial: str
    fingerprint: str

    @property
    def is_self_signed(self) -> bool:
        return self.subject == self.issuer

    @classmethod
    def of(cls, name: str, issuer: str, not_before_s: int, days: int) -> Certificate:
        """A certificate for ``name``; its serial number and fingerprint follow from what it says."""
        digest = hashlib.sha256(f"{name}/{issuer}/{not_before_s}".encode()).hexdigest()
        after_s = not_before_s + days * DAY_S
        return cls(f"CN={name}", issuer, not_before_s, after_s, (name,), digest[:18].upper(), digest)


@dataclass(frozen=True, slots=True)
class Site:
    """A server outside: ``page_bytes`` is a usual answer, ``version`` the TLS that Zeek calls it."""

    name: str
    ip: str
    certificate: Certificate
    version: str = "TLSv13"
    page_bytes: int = 30_000


@dataclass(frozen=True, slots=True)
class Internet:
    """``sites`` are in order of popularity; ``carriers`` are the content networks that pages pull in."""

    sites: tuple[Site, ...]
    carriers: tuple[Site, ...]
    chat: Site
    office: Site
    updates: Site
    clock: Site
    mail_peers: tuple[Site, ...]
    file_drop: Site
    resolver: Site
    vault: Site
    """Where copies are kept for a fee."""


def internet(seed: int, start_us: int, size: int) -> Internet:
    """A world of about ``size`` sites; at most as many as there are names."""
    dice = Dice.of(seed, "internet")
    made = [_site(dice, index, start_us) for index in range(min(size, MAX_SITES - 60) + 60)]
    carriers, mail_peers, sites = made[:24], made[24:40], made[60:]
    chat, office, updates, clock, drop, resolver, vault = made[40:47]
    peers = tuple(mail_peers)
    return Internet(tuple(sites), tuple(carriers), chat, office, updates, clock, peers, drop, resolver, vault)


def own_site(name: str, ip: str, start_us: int, age_days: int, *, is_self_signed: bool = False) -> Site:
    """A server that somebody set up for a purpose, its certificate ``age_days`` old when the plan starts."""
    issuer = f"CN={name}" if is_self_signed else _AUTHORITIES[0]
    certificate = Certificate.of(
        name, issuer, start_us // SECOND_US - age_days * DAY_S, 365 if is_self_signed else 90
    )
    return Site(name, ip, certificate, "TLSv12", 2_000)


def bot_address(dice: Dice) -> str:
    """One of the many addresses that scan the whole internet."""
    return f"198.19.{dice.whole(0, 255)}.{dice.whole(1, 254)}"


def intruder_address(dice: Dice) -> str:
    """An address that an attack uses."""
    network = dice.pick(("203.0.113", "198.51.100"))
    return f"{network}.{dice.whole(5, 250)}"


def _site(dice: Dice, index: int, start_us: int) -> Site:
    name = f"{dice.pick(SITE_KINDS)}.{site_name(index)}"
    host = index * 23 + dice.whole(0, 22)
    issued_s = start_us // SECOND_US - dice.whole(2, 85) * DAY_S
    certificate = Certificate.of(name, dice.pick(_AUTHORITIES), issued_s, 90)
    version = "TLSv12" if dice.chance(0.2) else "TLSv13"
    return Site(name, f"198.18.{host >> 8 & 255}.{host & 255 or 1}", certificate, version, dice.size(24_000, 0.9))
