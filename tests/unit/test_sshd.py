"""The syslog and journal formats: what lines mean, which year they are of, and what hostile text cannot do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandora_core.ingest.format import MAX_FIELD_CHARS, MAX_LINE_BYTES, Decoded, LogFormat
from pandora_core.ingest.formats.sshd import MAX_REMEMBERED_HOSTS, JournalFormat, SshdFormat
from pandora_core.model import BadLine, Event, from_iso, iso

MODIFIED_US = from_iso("2024-06-01T12:00:00")


def decode(*lines: str | bytes, modified: str = "2024-06-01T12:00:00", filename: str = "auth.log") -> list[Decoded]:
    decoder = SshdFormat().decoder(None, filename=filename, modified_us=from_iso(modified))
    return decoder.decode([line.encode() if isinstance(line, str) else line for line in lines])


def event(line: str | bytes, **options: str) -> Event:
    [decoded] = decode(line, **options)
    assert isinstance(decoded, Event)
    return decoded


def said(message: str, program: str = "sshd[42]") -> Event:
    return event(f"May  7 08:09:10 bastion {program}: {message}")


def times(*lines: str, **options: str) -> list[str]:
    return [iso(decoded.at_us)[:19] for decoded in decode(*lines, **options) if isinstance(decoded, Event)]


def journal(**fields: Any) -> Decoded:
    entry = {"__REALTIME_TIMESTAMP": "1714564800123456", "_HOSTNAME": "bastion", **fields}
    return JournalFormat().decoder(None, filename="", modified_us=0).decode([json.dumps(entry).encode()])[0]


class TestFraming:
    def test_a_traditional_line_is_taken_apart(self) -> None:
        found = event("May  7 08:09:10 bastion sshd[42]: Server listening on 0.0.0.0 port 22.")
        assert iso(found.at_us) == "2024-05-07T08:09:10.000000Z"
        assert (found.host, found.dataset) == ("bastion", "linux.sshd")
        assert found.more == {"process.name": "sshd", "process.pid": 42}
        assert found.message == "Server listening on 0.0.0.0 port 22."

    @pytest.mark.parametrize(
        ("stamp", "expected"),
        [
            ("2024-05-01T12:00:00.123456+02:00", "2024-05-01T10:00:00.123456Z"),
            ("2024-05-01T12:00:00+0200", "2024-05-01T10:00:00.000000Z"),
            ("2024-05-01T12:00:00Z", "2024-05-01T12:00:00.000000Z"),
            ("2024-05-01T12:00:00", "2024-05-01T12:00:00.000000Z"),
            ("May  1 12:00:00.5", "2024-05-01T12:00:00.500000Z"),
            ("May 01 12:00:00", "2024-05-01T12:00:00.000000Z"),
            ("May 1 12:00:00", "2024-05-01T12:00:00.000000Z"),
            ("May  1 2019 12:00:00", "2019-05-01T12:00:00.000000Z"),
            ("<86>May  1 12:00:00", "2024-05-01T12:00:00.000000Z"),
            ("<86>2024-05-01T12:00:00Z", "2024-05-01T12:00:00.000000Z"),
        ],
    )
    def test_every_shape_of_time_stamp_is_read(self, stamp: str, expected: str) -> None:
        found = event(f"{stamp} bastion sshd[42]: Accepted password for alice from 192.0.2.7 port 4022 ssh2")
        assert (iso(found.at_us), found.host, found.user) == (expected, "bastion", "alice")

    def test_an_rfc_5424_line_is_taken_apart(self) -> None:
        found = event(
            '<86>1 2024-05-01T12:00:00.003Z bastion sshd 42 ID47 [origin ip="192.0.2.1" note="a \\] b"][x y="z"] '
            "Failed password for root from 192.0.2.7 port 4022 ssh2"
        )
        assert iso(found.at_us) == "2024-05-01T12:00:00.003000Z"
        assert (found.user, found.outcome, found.host) == ("root", "failure", "bastion")
        assert found.more["log.syslog.priority"] == 86
        assert found.more["log.syslog.msgid"] == "ID47"
        assert found.more["log.syslog.structured_data"] == '[origin ip="192.0.2.1" note="a \\] b"][x y="z"]'

    def test_the_nil_values_and_byte_order_mark_of_rfc_5424_are_left_out(self) -> None:
        found = event(b"<13>1 2024-05-01T12:00:00Z - app - - - \xef\xbb\xbfhello")
        assert (found.host, found.message) == (None, "hello")
        assert found.more == {"log.syslog.priority": 13, "process.name": "app"}

    def test_a_line_without_a_program_keeps_its_message(self) -> None:
        found = event("May  7 08:09:10 bastion something happened")
        assert (found.dataset, found.message, found.more) == ("linux.syslog", "something happened", {})

    def test_blank_lines_and_the_banners_of_journalctl_are_nothing(self) -> None:
        assert decode("", "  \r\n", "-- Boot 5b3a --", "-- No entries --") == [None] * 4

    @pytest.mark.parametrize(
        "line",
        [
            "just some words",
            "Foo 12 08:09:10 bastion sshd[1]: hello",
            "Apr 31 08:09:10 bastion sshd[1]: hello",
            "May  0 08:09:10 bastion sshd[1]: hello",
            "May  7 24:00:00 bastion sshd[1]: hello",
            "2024-13-01T00:00:00Z bastion sshd[1]: hello",
            "<13>1 - bastion app - - - no time",
            "May  7 08:09:10",
        ],
    )
    def test_a_line_without_a_time_and_host_is_bad(self, line: str) -> None:
        assert isinstance(decode(line)[0], BadLine)

    def test_a_line_beyond_the_limit_is_bad_and_a_long_one_is_cut(self) -> None:
        stamp = b"May  7 08:09:10 bastion app: "
        too_long, long = decode(stamp + b"x" * MAX_LINE_BYTES, stamp + b"x" * 50_000)
        assert isinstance(too_long, BadLine)
        assert isinstance(long, Event)
        assert long.message is not None
        assert MAX_FIELD_CHARS < len(long.message) < MAX_FIELD_CHARS + 50

    def test_terminal_controls_are_replaced(self) -> None:
        found = event(b"May  7 08:09:10 bas\x1btion sshd[42]: Invalid user \x1b[2Jroot\xff from 192.0.2.7 port 4022")
        assert (found.host, found.user) == ("bas\ufffdtion", "\ufffd[2Jroot\ufffd")

    def test_a_carriage_return_at_the_end_is_no_text(self) -> None:
        assert event(b"May  7 08:09:10 bastion app: hello\r\n").message == "hello"


class TestYear:
    def test_the_first_line_is_the_latest_that_is_not_in_the_future(self) -> None:
        assert times("May 31 00:00:00 h a: x") == ["2024-05-31T00:00:00"]
        assert times("Jun  2 11:00:00 h a: x") == ["2024-06-02T11:00:00"]
        assert times("Jun  2 13:00:00 h a: x") == ["2023-06-02T13:00:00"]

    def test_december_to_january_begins_a_year(self) -> None:
        lines = ("Dec 31 23:59:59 h a: x", "Jan  1 00:00:00 h a: x", "Feb  1 00:00:00 h a: x")
        assert times(*lines, modified="2024-02-01T00:00:00") == [
            "2023-12-31T23:59:59",
            "2024-01-01T00:00:00",
            "2024-02-01T00:00:00",
        ]

    def test_a_late_line_of_december_stays_in_the_old_year(self) -> None:
        lines = (
            "Dec 31 23:59:58 h a: x",
            "Jan  1 00:00:00 h a: x",
            "Dec 31 23:59:59 h a: x",
            "Jan  1 00:00:01 h a: x",
        )
        found = times(*lines, modified="2024-01-05T00:00:00")
        assert found == ["2023-12-31T23:59:58", "2024-01-01T00:00:00", "2023-12-31T23:59:59", "2024-01-01T00:00:01"]

    def test_going_back_by_some_weeks_is_disorder(self) -> None:
        assert times("May  3 00:00:00 h a: x", "Mar 20 00:00:00 h a: x") == [
            "2024-05-03T00:00:00",
            "2024-03-20T00:00:00",
        ]

    def test_a_silence_of_eight_months_over_new_year_is_a_new_year(self) -> None:
        assert times("Aug  3 00:00:00 h a: x", "Apr  3 00:00:00 h a: x") == [
            "2023-08-03T00:00:00",
            "2024-04-03T00:00:00",
        ]

    def test_the_leap_day_asks_for_a_leap_year(self) -> None:
        assert times("Feb 29 10:00:00 h a: x", modified="2024-03-01T00:00:00") == ["2024-02-29T10:00:00"]
        assert times("Feb 29 10:00:00 h a: x", modified="2026-03-01T00:00:00") == ["2024-02-29T10:00:00"]

    def test_a_leap_day_in_a_year_that_has_none_is_kept(self) -> None:
        lines = ("Feb 28 10:00:00 h a: x", "Feb 29 10:00:00 h a: x", "Mar  1 10:00:00 h a: x")
        found = times(*lines, modified="2023-03-02T00:00:00")
        assert found == ["2023-02-28T10:00:00", "2023-03-01T10:00:00", "2023-03-01T10:00:00"]

    def test_the_date_in_a_rotated_file_s_name_bounds_the_year(self) -> None:
        assert times("Oct 20 00:00:00 h a: x", filename="secure-20211024.gz") == ["2021-10-20T00:00:00"]
        assert times("Apr 20 00:00:00 h a: x", filename="secure-20991024") == ["2024-04-20T00:00:00"]
        assert times("Apr 20 00:00:00 h a: x", filename="secure-20219999") == ["2024-04-20T00:00:00"]

    def test_a_line_that_tells_its_year_sets_it_for_the_next(self) -> None:
        lines = ("2019-12-31T23:00:00Z h a: x", "Dec 31 23:30:00 h a: x", "Jan  1 00:10:00 h a: x")
        assert times(*lines) == ["2019-12-31T23:00:00", "2019-12-31T23:30:00", "2020-01-01T00:10:00"]

    @given(
        lines=st.lists(
            st.builds(
                lambda month, day, host, what: f"{month} {day:2d} 10:00:00 {host} {what}",
                st.sampled_from(["Jan", "Feb", "Jun", "Nov", "Dec"]),
                st.integers(1, 29),
                st.sampled_from(["h1", "h2"]),
                st.sampled_from(
                    [
                        "sshd[5]: Failed password for root from 192.0.2.7 port 22 ssh2",
                        "last message repeated 3 times",
                        "sshd[5]: message repeated 2 times: [ Failed password for root from 192.0.2.7 port 22 ssh2]",
                        "cron[1]: hello",
                    ]
                ),
            )
            | st.sampled_from(["", "nonsense", "2021-01-05T00:00:00Z h1 a: x"]),
            max_size=20,
        ),
        cut=st.integers(0, 20),
    )
    def test_a_file_resumed_at_any_line_gives_the_same_events(self, lines: list[str], cut: int) -> None:
        raw = [line.encode() for line in lines]
        whole = SshdFormat().decoder(None, filename="auth.log", modified_us=MODIFIED_US)
        first = SshdFormat().decoder(None, filename="auth.log", modified_us=MODIFIED_US)
        expected, before = whole.decode(raw), first.decode(raw[:cut])
        kept = json.loads(json.dumps(first.state()))
        second = SshdFormat().decoder(kept, filename="auth.log.1", modified_us=MODIFIED_US + 10**14)
        assert before + second.decode(raw[cut:]) == expected
        assert second.state() == whole.state()


class TestSshd:
    @pytest.mark.parametrize("program", ["sshd[42]", "sshd-session[42]", "sshd-auth[42]", "sshd"])
    def test_a_failed_password_is_a_failed_logon(self, program: str) -> None:
        found = said("Failed password for invalid user bob from 192.0.2.7 port 4022 ssh2", program)
        assert (found.category, found.action, found.outcome) == ("authentication", "logon", "failure")
        assert (found.user, found.source_ip, found.source_port) == ("bob", "192.0.2.7", 4022)
        assert found.more["user.known"] is False
        assert found.more["authentication.method"] == "password"
        assert found.protocol == "ssh"

    @pytest.mark.parametrize(
        ("message", "user", "method"),
        [
            ("Accepted password for alice from 192.0.2.7 port 4022 ssh2", "alice", "password"),
            (
                "Accepted publickey for alice from 192.0.2.7 port 4022 ssh2: ED25519 SHA256:abc/def+g",
                "alice",
                "publickey",
            ),
            ("Accepted publickey for a b from 192.0.2.7 port 4022 ssh2: RSA 0a:1b:2c", "a b", "publickey"),
            (
                "Accepted keyboard-interactive/pam for alice from 192.0.2.7 port 4022",
                "alice",
                "keyboard-interactive/pam",
            ),
            (
                "Accepted publickey for alice from 192.0.2.7 port 4022 ssh2: RSA-CERT SHA256:abc ID alice (serial 5) "
                "CA ED25519 SHA256:def",
                "alice",
                "publickey",
            ),
        ],
    )
    def test_an_accepted_credential_is_a_logon(self, message: str, user: str, method: str) -> None:
        found = said(message)
        assert (found.action, found.outcome, found.user) == ("logon", "success", user)
        assert (found.source_ip, found.source_port) == ("192.0.2.7", 4022)
        assert found.more["authentication.method"] == method
        assert found.more["user.known"] is True

    @pytest.mark.parametrize(
        ("action", "user", "message"),
        [
            ("logon-invalid-user", "bob", "Invalid user bob from 192.0.2.7 port 4022"),
            ("logon-invalid-user", "bob", "Illegal user bob from 192.0.2.7"),
            ("logon-invalid-user", None, "Invalid user  from 192.0.2.7"),
            ("logon-invalid-user", "bob", "input_userauth_request: invalid user bob [preauth]"),
            ("logon-probe", "bob", "Failed none for invalid user bob from 192.0.2.7 port 4022 ssh2"),
            ("logon-postponed", "bob", "Postponed publickey for bob from 192.0.2.7 port 4022 ssh2 [preauth]"),
            ("logon-attempts-exceeded", "bob", "Disconnecting: Too many authentication failures for bob [preauth]"),
            ("logon-refused", "bob", "User bob from 192.0.2.7 not allowed because not listed in AllowUsers"),
            ("logon-refused", "bob", "User bob not allowed because account is locked"),
            ("pam-failure", "bob", "error: PAM: Authentication failure for illegal user bob from 192.0.2.7"),
            ("ssh-disconnected", "bob", "Connection closed by invalid user bob 192.0.2.7 port 4022 [preauth]"),
            (
                "ssh-disconnected",
                "root",
                "Connection reset by authenticating user root 192.0.2.7 port 4022 [preauth]",
            ),
            ("ssh-disconnected", "bob", "Disconnected from user bob 192.0.2.7 port 4022"),
            ("ssh-disconnected", None, "Connection closed by 192.0.2.7 [preauth]"),
            ("ssh-disconnected", None, "Received disconnect from 192.0.2.7 port 4022:11: disconnected by user"),
            (
                "ssh-disconnected",
                None,
                "Timeout before authentication for connection from 192.0.2.7 to ::1, pid = 77",
            ),
            (
                "ssh-disconnected",
                "bob",
                "Disconnecting invalid user bob 192.0.2.7 port 4022: Too many failures [preauth]",
            ),
            ("ssh-protocol-error", None, "Did not receive identification string from 192.0.2.7"),
            (
                "ssh-protocol-error",
                None,
                "Bad protocol version identification 'x from ::1 port 1' from 192.0.2.7 port 4022",
            ),
            (
                "ssh-protocol-error",
                None,
                "fatal: Unable to negotiate with 192.0.2.7 port 4022: no matching cipher found.",
            ),
            (
                "ssh-protocol-error",
                None,
                "error: banner exchange: Connection from 192.0.2.7 port 4022: invalid format",
            ),
            ("ssh-refused", None, "refused connect from 192.0.2.7 (192.0.2.7)"),
            ("ssh-refused", None, "drop connection #10 from [192.0.2.7]:4022 on [::1]:22 past MaxStartups"),
            ("reverse-mapping-failed", None, "Address 192.0.2.7 maps to x.example, but this does not map back to it"),
            (
                "reverse-mapping-failed",
                None,
                "reverse mapping checking getaddrinfo for x.example [192.0.2.7] failed - !",
            ),
            ("ssh-session-started", "bob", "Starting session: shell on pts/0 for bob from 192.0.2.7 port 4022 id 0"),
        ],
    )
    def test_the_other_lines_of_an_attempt_have_no_outcome(self, action: str, user: str | None, message: str) -> None:
        found = said(message)
        assert (found.action, found.user, found.outcome) == (action, user, None)
        assert found.source_ip == ("192.0.2.7" if "192.0.2.7" in message else None)

    def test_exceeding_the_attempts_is_told_of_an_unknown_user_too(self) -> None:
        rest = "for invalid user bob from 192.0.2.7 port 4022 ssh2 [preauth]"
        found = said(f"error: maximum authentication attempts exceeded {rest}")
        assert (found.action, found.user, found.source_port) == ("logon-attempts-exceeded", "bob", 4022)
        assert found.more["user.known"] is False

    @pytest.mark.parametrize(
        ("message", "source_ip"),
        [
            ("Connection reset by 2001:db8::7 port 4022 [preauth]", "2001:db8::7"),
            ("Received disconnect from fe80::1: 11: Bye Bye [preauth]", "fe80::1"),
            ("Unable to negotiate with 2001:DB8::7: no matching cipher found. [preauth]", "2001:db8::7"),
        ],
    )
    def test_an_ipv6_address_is_told_from_the_colons_around_it(self, message: str, source_ip: str) -> None:
        assert said(message).source_ip == source_ip

    def test_one_attempt_of_several_lines_is_one_failed_logon(self) -> None:
        stamp = "May  7 08:09:10 bastion sshd[42]: "
        lines = [
            "Invalid user bob from 192.0.2.7 port 4022",
            "input_userauth_request: invalid user bob [preauth]",
            "pam_unix(sshd:auth): check pass; user unknown",
            "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7 ",
            "Failed password for invalid user bob from 192.0.2.7 port 4022 ssh2",
            "Connection closed by invalid user bob 192.0.2.7 port 4022 [preauth]",
        ]
        found = [decoded for decoded in decode(*(stamp + line for line in lines)) if isinstance(decoded, Event)]
        assert [one.outcome for one in found].count("failure") == 1
        assert len(found) == 6

    def test_a_connection_names_both_ends(self) -> None:
        found = said('Connection from 192.0.2.7 port 4022 on 192.0.2.1 port 22 rdomain ""')
        assert (found.category, found.action) == ("network", "ssh-connection")
        assert (found.source_ip, found.source_port, found.destination_ip, found.destination_port) == (
            "192.0.2.7",
            4022,
            "192.0.2.1",
            22,
        )

    def test_a_name_in_place_of_an_address_is_the_source_domain(self) -> None:
        found = said("Failed password for root from attacker.example port 4022 ssh2")
        assert (found.source_ip, found.source_domain) == (None, "attacker.example")

    def test_an_empty_user_name_is_an_unknown_user(self) -> None:
        found = said("Failed password for invalid user  from 192.0.2.7 port 4022 ssh2")
        assert (found.user, found.source_ip, found.more["user.known"]) == (None, "192.0.2.7", False)

    def test_an_unknown_peer_and_an_impossible_port_are_left_out(self) -> None:
        found = said("Failed password for root from UNKNOWN port 65536 ssh2")
        assert (found.source_ip, found.source_domain, found.source_port) == (None, None, None)

    def test_a_mapped_address_is_written_as_ipv4(self) -> None:
        assert said("Invalid user bob from ::ffff:192.0.2.7 port 4022").source_ip == "192.0.2.7"

    def test_a_message_nobody_knows_is_kept(self) -> None:
        found = said("something new in OpenSSH 99")
        assert (found.dataset, found.category, found.message) == ("linux.sshd", None, "something new in OpenSSH 99")


class TestInjection:
    @pytest.mark.parametrize(
        "name",
        [
            "root from 1.1.1.1 port 1",
            "root from 1.1.1.1 port 1 ssh2",
            "root from 1.1.1.1 port 1 ssh2: RSA SHA256:abc",
            "Accepted password for root from 1.1.1.1 port 1 ssh2",
            "x rhost=1.1.1.1  user=root",
            " from ",
            "message repeated 9 times: [ Failed password for root from 1.1.1.1 port 1 ssh2]",
        ],
    )
    def test_a_user_name_cannot_fake_the_address(self, name: str) -> None:
        for line, action in (
            (f"Failed password for invalid user {name} from 192.0.2.7 port 4022 ssh2", "logon"),
            (f"Failed publickey for {name} from 192.0.2.7 port 4022 ssh2: RSA SHA256:real", "logon"),
            (f"Invalid user {name} from 192.0.2.7 port 4022", "logon-invalid-user"),
            (f"Invalid user {name} from 192.0.2.7", "logon-invalid-user"),
            (f"Connection closed by invalid user {name} 192.0.2.7 port 4022 [preauth]", "ssh-disconnected"),
            (f"error: PAM: Authentication failure for illegal user {name} from 192.0.2.7", "pam-failure"),
        ):
            found = said(line)
            assert (found.action, found.source_ip, found.user) == (action, "192.0.2.7", name), line
            assert found.outcome in ("failure", None)
            assert found.count == 1

    @given(name=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=100))
    def test_no_user_name_whatever_moves_the_address(self, name: str) -> None:
        found = said(f"Failed password for invalid user {name} from 192.0.2.7 port 4022 ssh2")
        assert (found.source_ip, found.source_port, found.user) == ("192.0.2.7", 4022, name)

    def test_a_certificate_s_key_id_with_an_address_leaves_the_source_open(self) -> None:
        found = said(
            "Failed publickey for root from 192.0.2.7 port 4022 ssh2: RSA-CERT SHA256:a ID x from 1.1.1.1 port 1 "
            "ssh2: RSA-CERT SHA256:b ID y (serial 0) CA RSA SHA256:c"
        )
        assert (found.action, found.outcome) == ("logon", "failure")
        assert (found.source_ip, found.source_port) == (None, None)

    def test_a_changed_user_name_with_an_address_leaves_the_source_open(self) -> None:
        found = said(
            "Disconnecting invalid user a 192.0.2.7 port 4022: Change of username or service not allowed: "
            "(a,ssh-connection) -> (b 1.1.1.1 port 1: c,ssh-connection) [preauth]"
        )
        assert found.source_ip is None

    def test_a_mail_user_that_looks_like_an_address_does_not_become_one(self) -> None:
        found = said(
            "pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot "
            "ruser=x rhost=1.1.1.1  user=root rhost=192.0.2.7",
            "auth",
        )
        assert (found.action, found.outcome, found.source_ip) == ("logon", "failure", "192.0.2.7")

    def test_a_directory_name_cannot_hide_a_sudo_command(self) -> None:
        found = said(
            "bob : TTY=pts/0 ; PWD=/tmp/x ; USER=bob ; COMMAND=/bin/true ; USER=root ; COMMAND=/bin/sh", "sudo"
        )
        assert found.more["process.command_line"] == "/bin/true ; USER=root ; COMMAND=/bin/sh"


class TestRepeats:
    def test_rsyslog_s_repeated_message_counts(self) -> None:
        found = said("message repeated 5 times: [ Failed password for root from 192.0.2.7 port 4022 ssh2]")
        assert (found.action, found.outcome, found.count) == ("logon", "failure", 5)
        assert (found.user, found.source_ip) == ("root", "192.0.2.7")

    def test_the_last_message_repeated_repeats_the_host_s_last_logon(self) -> None:
        stamp = "May  7 08:09:"
        _, _, _, repeated = decode(
            f"{stamp}10 one sshd(pam_unix)[42]: authentication failure; logname= uid=0 rhost=192.0.2.7",
            f"{stamp}11 two sshd[43]: Failed password for eve from 192.0.2.8 port 4022 ssh2",
            f"{stamp}12 three cron[1]: hello",
            f"{stamp}13 one last message repeated 4 times",
        )
        assert isinstance(repeated, Event)
        assert (repeated.host, repeated.source_ip, repeated.count) == ("one", "192.0.2.7", 4)
        assert (repeated.action, repeated.outcome) == ("logon", "failure")
        assert iso(repeated.at_us) == "2024-05-07T08:09:13.000000Z"
        assert repeated.more["process.pid"] == 42

    def test_a_repeat_of_anything_else_is_only_itself(self) -> None:
        stamp = "May  7 08:09:10 one "
        *_, repeated, forged = decode(
            stamp + "sshd[43]: Failed password for eve from 192.0.2.8 port 4022 ssh2",
            stamp + "kernel: eth0 up",
            stamp + "last message repeated 4 times",
            stamp + "app: last message repeated 4 times",
        )
        assert isinstance(repeated, Event)
        assert isinstance(forged, Event)
        assert (repeated.category, repeated.count) == (forged.category, forged.count) == (None, 1)

    def test_the_hosts_remembered_are_bounded(self) -> None:
        decoder = SshdFormat().decoder(None, filename="", modified_us=MODIFIED_US)
        line = "May  7 08:09:10 host{} sshd[43]: Failed password for eve from 192.0.2.8 port 4022 ssh2"
        decoder.decode([line.format(number).encode() for number in range(500)])
        assert len(decoder.state()["last"]) == MAX_REMEMBERED_HOSTS


class TestPam:
    FAILURE = "authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7  user=root"

    @pytest.mark.parametrize(
        ("program", "module"),
        [("sshd[42]", "pam_unix(sshd:auth): "), ("sshd[42]", "(pam_unix) "), ("sshd[42]", "pam_sss(sshd:auth): "),
         ("sudo", "pam_unix(sudo:auth): "), ("su[7]", "pam_unix(su-l:auth): "), ("gdm", "pam_sss(gdm:auth): "),
         ("login(pam_unix)[3]", "")],
    )  # fmt: skip
    def test_what_another_line_tells_is_no_second_attempt(self, program: str, module: str) -> None:
        found = said(module + self.FAILURE, program)
        assert (found.dataset, found.category, found.action) == ("linux.pam", "authentication", "pam-failure")
        assert found.outcome is None
        assert (found.user, found.source_ip) == ("root", "192.0.2.7")

    @pytest.mark.parametrize(
        ("program", "module"),
        [("sshd(pam_unix)[42]", ""), ("ftpd(pam_unix)[42]", ""), ("vsftpd", "pam_unix(vsftpd:auth): "),
         ("gdm-password]", "pam_unix(gdm-password:auth): ")],
    )  # fmt: skip
    def test_where_only_pam_tells_of_an_attempt_it_is_the_failed_logon(self, program: str, module: str) -> None:
        found = said(module + self.FAILURE, program)
        assert (found.action, found.outcome, found.count) == ("logon", "failure", 1)
        assert (found.user, found.source_ip) == ("root", "192.0.2.7")

    def test_more_failures_are_counted(self) -> None:
        rest = "more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7  user=root"
        assert said(f"PAM 5 {rest}").count == 5
        assert said(f"PAM 5 {rest}").outcome is None
        old = said(f"5 {rest}", "sshd(pam_unix)[42]")
        assert (old.count, old.outcome) == (5, "failure")

    def test_who_failed_to_become_whom_is_told_apart(self) -> None:
        found = said("authentication failure; uid=500 euid=0 ruser=alice rhost=  user=root", "su(pam_unix)[42]")
        assert (found.user, found.source_ip, found.more["user.by.name"]) == ("root", None, "alice")
        claimed = said("pam_unix(vsftpd:auth): authentication failure; ruser=bob rhost=192.0.2.7 ", "vsftpd")
        assert (claimed.user, claimed.source_ip) == ("bob", "192.0.2.7")
        bare = said("pam_unix(x:auth): authentication failure; reason unknown", "x")
        assert (bare.user, bare.source_ip, bare.source_domain) == (None, None, None)

    def test_a_remote_host_s_name_is_the_source_domain(self) -> None:
        found = said(
            "authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=a.example", "sshd(pam_unix)[4]"
        )
        assert (found.user, found.source_ip, found.source_domain) == (None, None, "a.example")

    def test_sessions_open_and_close(self) -> None:
        opened = said("pam_unix(sudo:session): session opened for user root(uid=0) by alice(uid=1000)", "sudo")
        closed = said("session closed for user root", "su(pam_unix)[9]")
        assert (opened.category, opened.action, opened.user) == ("session", "session-opened", "root")
        assert opened.more["user.by.name"] == "alice"
        assert (closed.action, closed.user, closed.more["pam.service"]) == ("session-closed", "root", "su")

    def test_a_changed_password_is_a_password_reset(self) -> None:
        changed = said("pam_unix(chpasswd:chauthtok): password changed for bob", "chpasswd[8]")
        assert (changed.category, changed.action, changed.outcome) == ("iam", "password-reset", "success")
        assert changed.more["user.target.name"] == "bob"


class TestOtherPrograms:
    def test_sudo_tells_who_ran_what_as_whom(self) -> None:
        found = said("  alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/bin/sh -c 'a ; b'", "sudo")
        assert (found.dataset, found.action, found.outcome, found.user) == ("linux.sudo", "sudo", "success", "alice")
        assert found.more["user.effective.name"] == "root"
        assert found.more["process.command_line"] == "/bin/sh -c 'a ; b'"
        assert found.more["process.working_directory"] == "/home/alice"

    @pytest.mark.parametrize(
        ("problem", "count"),
        [("3 incorrect password attempts", 3), ("user NOT in sudoers", 1), ("command not allowed", 1)],
    )
    def test_a_refused_sudo_is_a_failure(self, problem: str, count: int) -> None:
        found = said(f"alice : {problem} ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls", "sudo")
        assert (found.action, found.outcome, found.count) == ("sudo", "failure", count)
        assert found.more["sudo.problem"] == problem

    @pytest.mark.parametrize(
        "message", ["unable to resolve host x", "al : (command continued) y", "a : b ; TTY=x ; "]
    )
    def test_sudo_lines_without_a_command_have_no_outcome(self, message: str) -> None:
        found = said(message, "sudo")
        assert (found.dataset, found.outcome) == ("linux.sudo", None)

    @pytest.mark.parametrize(
        ("message", "outcome", "user", "by"),
        [
            ("Successful su for root by alice", "success", "root", "alice"),
            ("FAILED su for root by alice", "failure", "root", "alice"),
            ("(to root) alice on pts/0", "success", "root", "alice"),
            ("FAILED SU (to root) alice on pts/0", "failure", "root", "alice"),
        ],
    )
    def test_su_is_a_logon_to_the_other_account(self, message: str, outcome: str, user: str, by: str) -> None:
        found = said(message, "su[9]")
        assert (found.dataset, found.action, found.outcome, found.user) == ("linux.su", "logon", outcome, user)
        assert (found.more["user.by.name"], found.more["authentication.method"]) == (by, "su")

    @pytest.mark.parametrize(
        ("program", "message", "action", "expected"),
        [
            ("useradd", "new user: name=bob, UID=1001, GID=1001, home=/home/bob, shell=/bin/bash", "user-created",
             {"user.target.name": "bob", "user.target.id": "1001"}),
            ("useradd", "new user: name=bob, UID=0, GID=0, home=/, shell=/bin/sh, from=/dev/pts/0", "user-created",
             {"user.target.name": "bob", "user.target.id": "0"}),
            ("userdel", "delete user 'bob'", "user-deleted", {"user.target.name": "bob"}),
            ("usermod", "change user 'bob' password", "user-changed", {"user.target.name": "bob"}),
            ("usermod", "add 'bob' to group 'sudo'", "group-member-added",
             {"user.target.name": "bob", "group.name": "sudo"}),
            ("gpasswd", "user bob added by root to group wheel", "group-member-added",
             {"user.target.name": "bob", "group.name": "wheel"}),
            ("groupadd", "new group: name=staff, GID=1002", "group-created", {"group.name": "staff"}),
            ("passwd", "password for 'bob' changed by 'root'", "password-reset", {"user.target.name": "bob"}),
        ],
    )  # fmt: skip
    def test_account_tools_are_iam(self, program: str, message: str, action: str, expected: dict[str, str]) -> None:
        found = said(message, f"{program}[8]")
        assert (found.category, found.action, found.outcome) == ("iam", action, "success")
        assert expected.items() <= found.more.items()

    def test_the_shadow_copy_of_a_group_change_is_not_a_second_one(self) -> None:
        assert said("add 'bob' to shadow group 'sudo'", "usermod[8]").action is None

    def test_cron_logind_and_login_are_understood(self) -> None:
        job = said("(root) CMD (/usr/bin/backup --all)", "CRON[8]")
        assert (job.category, job.user, job.more["process.command_line"]) == (
            "process",
            "root",
            "/usr/bin/backup --all",
        )
        session = said("New session 194 of user alice.", "systemd-logind[9]")
        assert (session.action, session.user) == ("session-opened", "alice")
        failed = said("FAILED LOGIN (1) on '/dev/tty1' FOR 'bob', Authentication failure", "login[9]")
        assert (failed.action, failed.outcome, failed.user) == ("logon", "failure", "bob")
        assert event("May  7 08:09:10 bastion  -- root[9]: ROOT LOGIN ON tty2").outcome == "success"

    def test_other_programs_are_kept_as_they_are(self) -> None:
        found = said("[12.5] eth0: link up", "kernel")
        assert (found.dataset, found.category, found.message) == ("linux.syslog", None, "[12.5] eth0: link up")


class TestJournal:
    def test_an_entry_is_read_like_a_syslog_line(self) -> None:
        found = journal(
            MESSAGE="Failed password for root from 192.0.2.7 port 4022 ssh2",
            SYSLOG_IDENTIFIER="sshd",
            _COMM="sshd",
            _PID="42",
            PRIORITY="6",
            _SYSTEMD_UNIT="ssh.service",
        )
        assert isinstance(found, Event)
        assert (found.action, found.outcome, found.user, found.host) == ("logon", "failure", "root", "bastion")
        assert iso(found.at_us) == "2024-05-01T12:00:00.123456Z"
        assert (found.more["process.pid"], found.more["log.syslog.severity.code"]) == (42, 6)
        assert found.more["journal._SYSTEMD_UNIT"] == "ssh.service"

    def test_a_message_of_bytes_is_text_without_controls(self) -> None:
        found = journal(MESSAGE=list(b"hello \x1b[2J\xff"), _COMM="app")
        assert isinstance(found, Event)
        assert found.message == "hello \ufffd[2J\ufffd"
        assert found.more["process.name"] == "app"

    def test_the_sender_s_time_is_preferred(self) -> None:
        found = journal(MESSAGE="x", _SOURCE_REALTIME_TIMESTAMP="1714564799000000")
        assert isinstance(found, Event)
        assert iso(found.at_us) == "2024-05-01T11:59:59.000000Z"

    def test_odd_values_are_kept_as_something_plain(self) -> None:
        found = journal(MESSAGE=None, A=["x", "y"], B={"c": [1]}, C=10**30, D=[300, "x"], E=None)
        assert isinstance(found, Event)
        assert found.message == ""
        assert found.more["journal.A"] == ["x", "y"]
        assert found.more["journal.B"] == '{"c":[1]}'
        assert "journal.E" not in found.more

    @pytest.mark.parametrize(
        "line", [b"{", b"[]", b'"x"', b"{}", b'{"MESSAGE": "x"}', b'{"__REALTIME_TIMESTAMP": "x"}']
    )
    def test_what_is_no_entry_is_bad(self, line: bytes) -> None:
        assert isinstance(JournalFormat().decoder(None, filename="", modified_us=0).decode([line])[0], BadLine)

    def test_the_record_separators_of_json_seq_are_no_text(self) -> None:
        line = b'\x1e{"__REALTIME_TIMESTAMP":"1","MESSAGE":"x"}\n'
        assert JournalFormat().sniff(line, "") > 0.9
        assert isinstance(JournalFormat().decoder(None, filename="", modified_us=0).decode([line])[0], Event)


VALID = [
    b"May  7 08:09:10 bastion sshd[42]: Failed password for invalid user bob from 192.0.2.7 port 4022 ssh2",
    b'<86>1 2024-05-01T12:00:00.003Z h sshd 42 ID47 [o ip="::1"] Accepted publickey for a from ::1 port 2 ssh2',
    b"2024-05-01T12:00:00+02:00 b sudo: a : 3 incorrect passwords ; TTY=t ; PWD=/ ; USER=root ; COMMAND=/bin/ls",
    b"Jun 14 15:16:01 h sshd(pam_unix)[1]: 3 more authentication failures; uid=0 ruser=x rhost=192.0.2.7  user=r",
    b"Jun 14 15:16:01 h last message repeated 999999999 times",
    b"Jun 14 15:16:01 h sshd[1]: message repeated 999999999 times: [ Disconnecting user a 192.0.2.7 port 1: x]",
    b'{"__REALTIME_TIMESTAMP":"1714564800123456","MESSAGE":[104,105],"_HOSTNAME":"h","SYSLOG_IDENTIFIER":"sshd","X":1e5}',
]


@pytest.mark.parametrize("log_format", [SshdFormat(), JournalFormat()], ids=lambda it: it.name)
@given(data=st.data())
def test_no_content_makes_a_decoder_raise(log_format: LogFormat, data: st.DataObject) -> None:
    def mutated(line: bytes, start: int, length: int, filling: bytes) -> bytes:
        return line[:start] + filling + line[start + length :]

    hostile = st.builds(
        mutated, st.sampled_from(VALID), st.integers(0, 130), st.integers(0, 40), st.binary(max_size=12)
    ) | st.binary(max_size=200)
    lines = data.draw(st.lists(hostile, max_size=8))
    log_format.sniff(b"\n".join(lines), "x")
    decoder = log_format.decoder(None, filename="x", modified_us=data.draw(st.integers(-(10**17), 10**18)))
    decoded = decoder.decode(lines)
    assert len(decoded) == len(lines)
    json.dumps(decoder.state())
    for one in decoded:
        assert one is None or isinstance(one, Event | BadLine)
        if isinstance(one, Event):
            assert all(abs(number) < 1 << 63 for number in (one.count, *one.more.values()) if isinstance(number, int))
            assert not any(character in json.dumps(one.message, ensure_ascii=False) for character in "\x1b\x9b\u202e")
