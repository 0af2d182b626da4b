"""Owns the rules that the simulated Suricata knows: made up here, with ids of the range kept for local rules."""

from __future__ import annotations

import enum
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """``severity`` is Suricata's priority: 1 is the worst, 3 the mildest."""

    sid: int
    text: str
    category: str
    severity: int


class Signature(enum.Enum):
    """Every rule; some fire on harmless things, as they do everywhere."""

    SSH_KNOCKING = Rule(1000001, "LOCAL many ssh log-ins from one outside address", "Attempted Information Leak", 2)
    STRAY_PROBE = Rule(1000002, "LOCAL probe of a port that serves nothing", "Misc activity", 3)
    WEB_TRAVERSAL = Rule(1000003, "LOCAL dot-dot path in a web request", "Web Application Attack", 1)
    WEB_SCANNER = Rule(1000004, "LOCAL user agent of a web scanner", "Attempted Information Leak", 2)
    ODD_CERTIFICATE = Rule(1000005, "LOCAL TLS certificate signed by itself, outside", "Potentially Bad Traffic", 2)
    NEW_DOMAIN = Rule(1000006, "LOCAL name under a domain registered lately", "Potentially Bad Traffic", 3)
    EXECUTABLE = Rule(1000007, "LOCAL program fetched over plain http", "Potential Corporate Privacy Violation", 2)
    BIG_UPLOAD = Rule(1000008, "LOCAL large upload to a file drop", "Potential Corporate Privacy Violation", 3)
    CHECK_IN = Rule(1000009, "LOCAL periodic check-in of a remote access tool", "A Network Trojan was detected", 1)
    ENCODED_DNS = Rule(1000010, "LOCAL long label in a DNS query", "Potentially Bad Traffic", 3)
