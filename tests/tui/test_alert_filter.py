"""The words that choose alerts: what passes, what is refused and with which words, what completion offers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandora_core.errors import ConfigError
from pandora_tui.desks.board import ALERT_FIELDS, GONE
from pandora_tui.widgets.alert_filter import DEFAULT_FILTER, complete_filter, parse_filter
from pandora_tui.widgets.rows import Rows

ALERTS = {
    "chain": (4, 94.0, "ws-114", "Service updsvc created", "dc-01 pgustavo", "T1021.002", "lateral-movement", "new"),
    "spray": (3, 80.0, "svc_backup", "password spray", "dc-01", "T1110.003", "credential-access", "acknowledged"),
    "beacon": (2, 44.0, "10.4.2.19", "beacon: every 60s", "", "T1071", "command-and-control", "closed"),
    "logon": (1, 25.0, "db-02", "first log-on", "anna", "T1021", "lateral-movement", "new"),
    "gone": (4, 99.0, "ws-114", "was merged", "", "", "", GONE),
}  # fmt: skip
ALL = {"chain", "spray", "beacon", "logon"}


def rows() -> Rows:
    made = Rows(ALERT_FIELDS, keyed=True)
    for name, (severity, risk, entity, title, who, techniques, tactics, state) in ALERTS.items():
        verdict = "false positive" if name == "beacon" else ""
        assignee = "mia" if name == "spray" else ""
        made.put(
            name,
            severity,
            risk,
            "host",
            entity,
            title,
            who,
            techniques,
            tactics,
            state,
            assignee,
            verdict,
            "",
            0,
            0,
            0,
        )
    return made


def passing(text: str) -> set[str]:
    made = rows()
    test = parse_filter(text).on(made)
    return {str(made.key(row_id)) for row_id in range(made.next_id) if test(row_id)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ALL),
        (DEFAULT_FILTER, {"chain", "spray"}),
        ("sev>=high", {"chain", "spray"}),
        ("sev:medium", {"beacon"}),
        ("severity<h", {"beacon", "logon"}),
        ("SEV>=CRIT", {"chain"}),
        ("risk>44", {"chain", "spray"}),
        ("risk<=44.0", {"beacon", "logon"}),
        ("state:new", {"chain", "logon"}),
        ("state:open", {"chain", "spray", "logon"}),
        ("state:all", ALL),
        ("state=closed", {"beacon"}),
        ("tactic:lateral", {"chain", "logon"}),
        ("technique:T1021", {"chain", "logon"}),
        ("technique:t1021.002", {"chain"}),
        ("entity:ws", {"chain"}),
        ("user:anna", {"logon"}),
        ("host:dc-01", {"chain", "spray"}),
        ("assignee:mia", {"spray"}),
        ("assignee:none", ALL - {"spray"}),
        ("verdict:false-positive", {"beacon"}),
        ("verdict:none", ALL - {"beacon"}),
        ("DC-01 service", {"chain"}),
        ('"password spray"', {"spray"}),
        ('title:"first log"', {"logon"}),
        ('"beacon: every"', {"beacon"}),
        ("-dc-01", {"beacon", "logon"}),
        ("state:new -tactic:lateral", set()),
        ("nothing-like-this", set()),
    ],
)
def test_a_filter_lets_pass_what_all_its_terms_hold_of(text: str, expected: set[str]) -> None:
    assert passing(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sev:terrible", "sev:terrible is not one of info, low, medium, high, critical"),
        ("sev>=", "sev>= wants a value. one of critical, high, medium, low, info"),
        ("state:", "state: wants a value"),
        ("state:c state:x", "state:x is not one of open, new, ack, closed, all"),
        ("risk>many", "risk wants a number from 0 to 100, not 'many'"),
        ("colour:red", "nothing is called colour:.*known: sev, state"),
        ("entity>ws", "entity cannot be compared with >. write entity:ws"),
        ("verdict:false", None),
    ],
)
def test_nonsense_is_refused_with_what_could_be_written(text: str, said: str | None) -> None:
    if said is None:
        parse_filter(text)
        return
    with pytest.raises(ConfigError, match=said):
        parse_filter(text)


@given(st.text(max_size=60))
def test_whatever_is_typed_is_a_filter_or_is_refused(text: str) -> None:
    try:
        test = parse_filter(text).on(rows())
    except ConfigError:
        return
    assert not test(4), "what is gone never passes"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("se", ["sev>="]),
        ("sev>=h", ["sev>=high"]),
        ("ws state:", ["ws state:open", "ws state:new", "ws state:ack", "ws state:closed", "ws state:all"]),
        ("-ta", ["-tactic:"]),
        ("entity:ws", ["entity:ws-007", "entity:ws-114"]),
        ("entity:ev", ['entity:"evil host"']),
        ("state:open", []),
        ("zzz", []),
    ],
)
def test_completion_offers_keys_then_values(text: str, expected: list[str]) -> None:
    assert complete_filter(text, {"entity": ["ws-007", "ws-114", "evil host"]}) == expected


@given(st.text(alphabet='sevtate:>=-" wx1', max_size=20))
def test_every_completion_begins_as_what_was_typed(text: str) -> None:
    for offer in complete_filter(text, {"entity": ["ws-114"]}):
        assert offer.startswith(text[: text.rfind(" ") + 1])
