"""Owns what the words of another tool's rule say about it: which tactic it speaks of, and what that is worth."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

TACTIC_WORDS = (
    ("privilege-escalation", r"\bsudo|\broot\b|\buid\b|privilege|escalat"),
    ("defense-evasion", r"service_sto|service sto|stopped|disabled|tamper|log clear"),
    ("credential-access", r"failed|failure|brute|invalid user|password"),
    ("reconnaissance", r"\bscan|nmap|40[0-9] error|forbidden|insecure connection|sweep|probe"),
    ("exfiltration", r"\bdns\b|domain|tunnel"),
    ("impact", r"\bcpu\b|memory"),
    ("execution", r"shell|trojan|malware|virus|entropy"),
    ("initial-access", r"attack|suspicious|inject|exploit|50[0-9] error|request method|characters"),
    ("persistence", r"service_start|new user|account|crontab"),
)
"""Words by the tactic that they hint at; the first that fits counts. A hint, and no more than that: a rule that
speaks of DNS may mean a tunnel, command and control or a mistyped name."""

TACTIC_WEIGHTS = {
    "privilege-escalation": 1.4,
    "defense-evasion": 1.4,
    "execution": 1.25,
    "credential-access": 1.1,
    "reconnaissance": 1.1,
    "initial-access": 1.1,
    "exfiltration": 1.1,
    "persistence": 1.0,
    "impact": 1.0,
    "": 0.8,
}
"""What a rule of each tactic is worth against one that says little: what is hard to explain away weighs more."""

INFORMATIONAL_WORDS = r"\binfo\b|\bpolicy\b|unusual occurrence|new event type"
INFORMATIONAL_WEIGHT = 0.6
"""Rules that call themselves informational, or say no more than that something is statistically odd."""

_TACTICS = tuple((tactic, re.compile(words)) for tactic, words in TACTIC_WORDS)
_INFORMATIONAL = re.compile(INFORMATIONAL_WORDS)


class Kind(NamedTuple):
    """What a rule's words say: an ATT&CK tactic or nothing, and the weight of such rules."""

    tactic: str
    weight: float


@lru_cache(maxsize=4096)
def kind_of(rule: str) -> Kind:
    """The kind of a rule by its name.

    >>> kind_of("Wazuh: Successful sudo to ROOT executed.").tactic
    'privilege-escalation'
    """
    text = rule.lower()
    tactic = next((name for name, words in _TACTICS if words.search(text)), "")
    damp = INFORMATIONAL_WEIGHT if _INFORMATIONAL.search(text) else 1.0
    return Kind(tactic, TACTIC_WEIGHTS[tactic] * damp)
