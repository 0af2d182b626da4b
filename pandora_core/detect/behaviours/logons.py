"""Owns behaviours of failed log-ons: bursts of them, and a success after them."""

from __future__ import annotations

import bisect
import math

import msgspec

from pandora_core.detect.behaviour import Context, Route
from pandora_core.detect.customs import customary_points
from pandora_core.detect.exposure import Exposure, is_stranger
from pandora_core.detect.names import Names, machine_of, user_name
from pandora_core.detect.paths import Path, hosts_of, path_of, shown
from pandora_core.detect.recent import Recent
from pandora_core.detect.retries import retried
from pandora_core.detect.sessions import Session, SessionBehaviour, Sessions
from pandora_core.detect.words import amount, listed, span_of
from pandora_core.model import HOUR_US, MINUTE_US, Detection, EntityRef, Event

BURST_FAILURES = 10
"""Failures within :data:`BURST_WINDOW_US` that make a burst."""

BURST_WINDOW_US = 10 * MINUTE_US
PERSISTENT_FAILURES = 30
"""Failures within :data:`PERSISTENT_WINDOW_US` that count as a burst too."""

PERSISTENT_WINDOW_US = 6 * HOUR_US

SUCCESS_FAILURES = 5
"""Failures for the very account, in the half hour before it got in, that make a success worth a look."""

SUCCESS_WINDOW_US = 30 * MINUTE_US
SPRAY_ACCOUNTS = 6
"""Accounts that fail within :data:`SPRAY_WINDOW_US` and make a burst too: one password tried on many."""

SPRAY_WINDOW_US = 2 * MINUTE_US
SPRAY_TRIES = 4
"""With no more tries than this for each of many accounts, guessing is called a spray."""

POINTS = 45.0
POINTS_STRANGER = 40.0
"""Of a stranger who did not get in: everybody tries, and one of ours who guesses is worse."""

POINTS_TENFOLD = 10.0
MAX_FURTHER_POINTS = 15.0
RETRY_POINTS = 8.0
"""What looks like a machine of ours that goes on with an old password: to be mended, and no alert alone."""

RETRY_SUCCESS_POINTS = 5.0
"""The same when it gets in at last: somebody gave it the new one."""

PAUSE_US = 12 * HOUR_US
"""Attempts along one path with shorter pauses are one detection: who comes back every hour does not count twice."""

CAPACITY = 50_000
"""Sessions of failures, of breaches, and paths whose last successes are remembered."""

_MAX_RECENT = 256
_MAX_USERS = 64
_MAX_SUCCESSES = 16
_LAST_USER = "\U0010ffff"

# Failures that say nothing of the password. RFC 4120: unknown service, ticket not postdatable, no common cipher,
# pre-authentication asked for, clocks apart, answer too big. NTSTATUS: password right but expired or to be changed,
# log-on type not granted, clocks apart.
_NOT_A_GUESS = frozenset(
    {
        *("0x7", "0xd", "0xe", "0x19", "0x25", "0x34"),
        *("KDC_ERR_PREAUTH_REQUIRED", "KRB_AP_ERR_SKEW", "KDC_ERR_ETYPE_NOSUPP", "KRB_ERR_RESPONSE_TOO_BIG"),
        *("0xc0000071", "0xc0000224", "0xc000015b", "0xc0000133"),
    }
)


class Success(msgspec.Struct, order=True, gc=False):
    """A log-on that went through, remembered in case the failures before it arrive after it."""

    at_us: int
    user: str
    event_id: int
    counts: bool = False


class Attempts(Session, kw_only=True, gc=False):
    """Failures along one path that are less than :data:`PAUSE_US` apart.

    They are ``is_weather`` where strangers try this target all the time, and count as such unless one ``got_in``.
    """

    failures: int = 0
    is_weather: bool = False
    got_in: bool = False
    recent: tuple[tuple[int, str], ...] = ()
    users: dict[str, int] = msgspec.field(default_factory=dict)
    unknown_users: int = 0

    @property
    def weight(self) -> int:
        return self.failures.bit_length()


class Breach(Session, kw_only=True, gc=False):
    """Successes after failures along one path; the numbers are those of the first one."""

    success: Success | None = None
    failures: int = 0
    own_failures: int = 0
    count: int = 0
    is_ssh: bool = False
    is_retry: bool = False


class FailedLogons(SessionBehaviour):
    """Failed-log-in bursts (T1110) and a success after them (T1078): what guessing passwords looks like.

    Blind spots: guessing slower than ten failures in ten minutes and thirty in six hours, sprays slower than six
    accounts in two minutes, and guessing spread over many sources or many targets.
    """

    name = "failed-logons"
    routes = (
        Route("authentication", "logon"),
        Route("authentication", "kerberos-preauth"),
        Route("authentication", "kerberos-tgt"),
        Route("authentication", "ntlm-validate"),
    )

    def __init__(self, context: Context, capacity: int = CAPACITY) -> None:
        self._names = context.names
        self._successes = Recent(Path, tuple[Success, ...], capacity)
        self._exposure = Exposure()
        self._attempts = Sessions(Path, Attempts, self._burst, gap_us=PAUSE_US, capacity=capacity, places=_places)
        self._breaches = Sessions(Path, Breach, self._breach, gap_us=PAUSE_US, capacity=capacity, places=_places)
        self.tables = (self._attempts, self._breaches)

    def observe(self, event_id: int, event: Event) -> None:
        path = path_of(event)
        if path is None or (event.user and machine_of(event.user)):
            return
        if event.outcome == "failure":
            if is_guess(event):
                self._failed(path, event_id, event)
        elif event.outcome == "success" and path.source:
            self._succeeded(path, event_id, event)

    def memory(self) -> bytes:
        return msgspec.msgpack.encode([self._successes.dump(), self._exposure.dump()])

    def recall(self, memory: bytes) -> None:
        successes, exposure = msgspec.msgpack.decode(memory, type=list[bytes])
        self._successes.load(successes)
        self._exposure.load(exposure)

    def _failed(self, path: Path, event_id: int, event: Event) -> None:
        session = self._attempts.at(path, event.at_us)
        user = user_name(event.user or "")
        session.failures += event.count
        session.unknown_users += event.count if event.more.get("user.known") is False else 0
        if user in session.users or len(session.users) < _MAX_USERS:
            session.users[user] = session.users.get(user, 0) + event.count
        session.remember(event_id, event.at_us)
        _note_failure(session, event.at_us, user, event.count)
        if session.fired_event_id:
            self._attempts.mark(path, session)
        elif _has_burst(session.recent, event.at_us):
            self._attempts.fire(path, session, event_id, event.at_us, self.name, *path, session.first_us)
        if session.fired_event_id and is_stranger(path.source):
            self._expose(path, session)
        for success in self._successes.get(path) or ():
            if event.at_us <= success.at_us <= event.at_us + SUCCESS_WINDOW_US:
                self._judge(path, session, success, event_id, event)

    def _expose(self, path: Path, session: Attempts) -> None:
        """Counts a stranger in, and judges again what that makes ordinary."""
        session.is_weather = self._exposure.is_exposed(path.target, session.first_us)
        if self._exposure.note(path.target, path.source, session.first_us):
            for other, attempts in self._attempts.fired_at(path.target):
                is_weather = is_stranger(other.source) and self._exposure.is_exposed(other.target, attempts.first_us)
                if is_weather != attempts.is_weather:
                    attempts.is_weather = is_weather
                    self._attempts.mark(other, attempts)

    def _succeeded(self, path: Path, event_id: int, event: Event) -> None:
        success = Success(event.at_us, user_name(event.user or ""), event_id)
        known = self._successes.get(path) or ()
        self._successes.put(path, tuple(sorted((*known, success))[-_MAX_SUCCESSES:]))
        for session in self._attempts.of(path):
            self._judge(path, session, success, event_id, event)

    def _judge(self, path: Path, session: Attempts, success: Success, event_id: int, event: Event) -> None:
        """Whether a success has enough failures before it, now that ``event`` is known."""
        start = bisect.bisect_left(session.recent, (success.at_us - SUCCESS_WINDOW_US,))
        end = bisect.bisect_right(session.recent, (success.at_us, _LAST_USER))
        users = [user for _, user in session.recent[start:end]]
        own = users.count(success.user)
        if own < SUCCESS_FAILURES and len(users) < BURST_FAILURES and len(set(users)) < SPRAY_ACCOUNTS:
            return
        if not session.got_in:
            session.got_in = True
            self._attempts.mark(path, session)
        breach = self._breaches.at(path, success.at_us)
        breach.is_ssh = breach.is_ssh or event.dataset in ("linux.sshd", "zeek.ssh")
        if not success.counts:
            success.counts = True
            breach.count += 1
            breach.remember(success.event_id, success.at_us)
        first = breach.success
        if first is None or (success.at_us, success.user) < (first.at_us, first.user):
            breach.success, breach.failures, breach.own_failures = success, 0, 0
        if breach.success == success:
            breach.failures = max(breach.failures, len(users))
            breach.own_failures = max(breach.own_failures, own)
            breach.is_retry = not is_stranger(path.source) and _is_retried(session.recent[:end], users, success.user)
        if breach.fired_event_id:
            self._breaches.mark(path, breach)
        else:
            self._breaches.fire(path, breach, event_id, event.at_us, "success-after-failures", *path, breach.first_us)

    def _burst(self, path: Path, session: Attempts) -> Detection:
        entity, source, target = _ends(path, self._names, session.last_us)
        users = sorted(session.users, key=lambda user: (-session.users[user], user))
        is_spray = len(users) >= SPRAY_ACCOUNTS and session.failures <= SPRAY_TRIES * len(users)
        many = f"{len(users)}{' or more' if len(users) >= _MAX_USERS else ''} accounts"
        reasons = [
            f"{amount(session.failures, 'failed log-on')} from {source} to {target} {span_of(session)}",
        ]
        if len(users) > 1:
            often = f", most often {users[0] or 'one without a name'}" if session.users[users[0]] > 1 else ""
            reasons.append(f"tried {many}{often}")
        elif users[0]:
            reasons.append(f"tried only the account {users[0]}")
        if session.unknown_users:
            reasons.append(f"{amount(session.unknown_users, 'failure')} for accounts that do not exist")
        retries = _retries(path, session)
        if retries:
            reasons.append(f"at a steady pace, as a machine does whose password is old: {listed(sorted(retries), 3)}")
        is_weather = session.is_weather and not session.got_in
        if is_weather:
            reasons.append(f"many strangers guess at {target} these days, and this one did not get in")
        points = RETRY_POINTS if _is_retry(session, retries) else _burst_points(path, session)
        return Detection(
            id=session.id,
            detector=self.name,
            entity=entity,
            first_seen_us=session.first_us,
            last_seen_us=session.last_us,
            count=session.failures,
            points=customary_points(points) if is_weather else points,
            title=f"{amount(session.failures, 'failed log-on')} to {target}",
            reasons=tuple(reasons),
            techniques=("T1110.003" if is_spray else "T1110.001",),
            tactics=("credential-access",),
            hosts=hosts_of(entity, path.target, self._names, session.last_us),
            users=tuple(user for user in users[:8] if user),
            related=(self._names.entity_at(path.target, session.last_us),),
            event_ids=session.event_ids,
        )

    def _breach(self, path: Path, session: Breach) -> Detection:
        assert session.success is not None
        entity, source, target = _ends(path, self._names, session.first_us)
        user = session.success.user or "an unnamed account"
        own = session.own_failures
        failures = amount(session.failures, "failed log-on")
        failures = f"at least {failures}" if session.failures >= _MAX_RECENT else failures
        reasons = [
            f"{source} logged on to {target} as {user} after {failures} in the half hour before",
        ]
        if own:
            reasons.append(f"{own if own < session.failures else 'all'} of them for {user}")
        else:
            reasons.append(f"none of them for {user}, which may be the account that the guessing found")
        if session.is_retry:
            reasons.append("the failures came at a steady pace, as from a machine that was given the new password")
        if session.count > 1:
            reasons.append(f"{amount(session.count, 'log-on')} of this kind {span_of(session)}")
        return Detection(
            id=session.id,
            detector="success-after-failures",
            entity=entity,
            first_seen_us=session.first_us,
            last_seen_us=session.last_us,
            count=session.count,
            points=_breach_points(session),
            title=f"log-on to {target} as {user} after {failures}",
            reasons=tuple(reasons),
            techniques=("T1110", "T1078", "T1021.004") if session.is_ssh else ("T1110", "T1078"),
            tactics=("credential-access", "initial-access"),
            hosts=hosts_of(entity, path.target, self._names, session.first_us),
            users=(session.success.user,) if session.success.user else (),
            related=(self._names.entity_at(path.target, session.first_us), EntityRef("user", user)),
            event_ids=session.event_ids,
        )


def _ends(path: Path, names: Names, at_us: int) -> tuple[EntityRef, str, str]:
    """The entity whose risk it is, and source and target in words."""
    entity = names.entity_at(path.source or path.target, at_us)
    source = shown(path.source, names, at_us) if path.source else "the host itself"
    return entity, source, names.entity_at(path.target, at_us).name


def _places(path: Path) -> tuple[str, ...]:
    return path if path.source else (path.target,)


def is_guess(event: Event) -> bool:
    """Whether a failure may come of a wrong password, and not of clocks, protocols or missing rights."""
    return event.more.get("error.code") not in _NOT_A_GUESS and event.code not in _NOT_A_GUESS


def _note_failure(session: Attempts, at_us: int, user: str, count: int) -> None:
    """A repeated line counts as often as it says, as far as that can matter."""
    recent, failure = session.recent, (at_us, user)
    added = (*recent, *(failure,) * min(count, BURST_FAILURES))
    session.recent = (added if not recent or recent[-1] <= failure else tuple(sorted(added)))[-_MAX_RECENT:]


def _has_burst(recent: tuple[tuple[int, str], ...], at_us: int) -> bool:
    """Whether enough failures around ``at_us`` fall into one of the windows."""
    place = bisect.bisect_right(recent, (at_us, _LAST_USER))
    for failures, window_us in ((BURST_FAILURES, BURST_WINDOW_US), (PERSISTENT_FAILURES, PERSISTENT_WINDOW_US)):
        for end in range(max(place, failures), min(place + failures, len(recent) + 1)):
            if recent[end - 1][0] - recent[end - failures][0] <= window_us:
                return True
    return _has_spray(recent, at_us)


def _has_spray(recent: tuple[tuple[int, str], ...], at_us: int) -> bool:
    """Whether enough accounts failed within one window that holds ``at_us``."""
    near = [failure for failure in recent if abs(failure[0] - at_us) <= SPRAY_WINDOW_US]
    starts = [start_us for start_us, _ in near if start_us <= at_us]
    return any(
        len({user for seen_us, user in near if start_us <= seen_us <= start_us + SPRAY_WINDOW_US}) >= SPRAY_ACCOUNTS
        for start_us in starts
    )


def _retries(path: Path, session: Attempts) -> frozenset[str]:
    """The accounts that a machine of ours tries with old passwords."""
    is_ours = bool(path.source) and not is_stranger(path.source)
    return retried(session.recent) if is_ours and session.unknown_users == 0 else frozenset()


def _is_retry(session: Attempts, retries: frozenset[str]) -> bool:
    """Whether what machines do not explain is no burst."""
    rest = tuple(failure for failure in session.recent if failure[1] not in retries)
    others = sum(count for user, count in session.users.items() if user not in retries)
    return bool(retries) and others < PERSISTENT_FAILURES and not any(_has_burst(rest, at_us) for at_us, _ in rest)


def _is_retried(before: tuple[tuple[int, str], ...], users: list[str], user: str) -> bool:
    """Whether a machine that goes on with old passwords explains failures, and those for the account that got in."""
    retries = retried(before)
    return user in retries and sum(other not in retries for other in users) < SUCCESS_FAILURES


def _burst_points(path: Path, session: Attempts) -> float:
    is_harmless = is_stranger(path.source) and not session.got_in
    tenfolds = math.log10(max(session.failures / BURST_FAILURES, 1))
    further = min(POINTS_TENFOLD * tenfolds, MAX_FURTHER_POINTS)
    return round((POINTS_STRANGER if is_harmless else POINTS) + further, 1)


def _breach_points(session: Breach) -> float:
    """A person who mistypes a few times is likely; one who needs ten tries, or gets in as somebody else, is not."""
    if session.is_retry:
        return RETRY_SUCCESS_POINTS
    if session.own_failures >= BURST_FAILURES:
        return 75.0
    return 35.0 if session.own_failures >= SUCCESS_FAILURES and session.failures < BURST_FAILURES else 55.0
