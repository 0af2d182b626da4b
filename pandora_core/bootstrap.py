"""Owns the wiring: settings in, a working store, engine or operator out. Nothing below it knows the settings."""

from __future__ import annotations

import contextlib
import gc
import getpass
import glob
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pandora_core import config, process
from pandora_core.config import Settings
from pandora_core.errors import ConfigError, EngineError, EngineRunningError, PandoraError, SourceError, StoreError
from pandora_core.model import DAY_US, SECOND_US
from pandora_core.store.changes import ChangeReader, is_current
from pandora_core.store.sqlite import FILE_NAME

if TYPE_CHECKING:  # imported where they are used: a console paints before it needs sqlalchemy
    from pandora_core.atlas import Atlas
    from pandora_core.engine import Engine
    from pandora_core.escalator import Escalator
    from pandora_core.quantum.tier.policy import Rules
    from pandora_core.service import Service
    from pandora_core.store.operator import Operator
    from pandora_core.store.reader import Reader
    from pandora_core.store.store import Store


def settings_of(data: Path | None) -> Settings:
    """The settings for ``--data``; the folder is made if need be, with mode 0700."""
    settings = config.load(data)
    config.prepare_data_dir(settings.data)
    return settings


@contextlib.contextmanager
def opened(data: Path | None) -> Iterator[Store]:
    """The store of a data folder, made if it is not there."""
    with _store_of(settings_of(data)) as store:
        yield store


@contextlib.contextmanager
def looking(data: Path | None) -> Iterator[ChangeReader]:
    """The look for changes in a data folder's store, which is made, or brought to the newest version, if need be."""
    settings = settings_of(data)
    path = settings.data / FILE_NAME
    if not is_current(path):
        with _store_of(settings):
            pass
    with contextlib.closing(ChangeReader(path)) as changes:
        yield changes


@contextlib.contextmanager
def reading(data: Path | None) -> Iterator[Reader]:
    """Questions to the store of a data folder."""
    from pandora_core.store.reader import Reader

    with opened(data) as store:
        yield Reader(store)


@contextlib.contextmanager
def operating(data: Path | None) -> Iterator[Operator]:
    """Actions on the store of a data folder, in the name of the person at the keyboard."""
    with opened(data) as store:
        yield operator_of(store)


@contextlib.contextmanager
def graphing(data: Path | None) -> Iterator[Atlas]:
    """The network graph of a data folder's store, up to its newest event."""
    from pandora_core.atlas import Atlas
    from pandora_core.store.graphs import GraphStore

    with opened(data) as store:
        atlas = Atlas(GraphStore(store))
        atlas.catch_up(now_us())
        yield atlas


def operator_of(store: Store) -> Operator:
    """Who acts: the OS user, or whoever called sudo; and on which machine."""
    from pandora_core.store.operator import Operator

    return Operator(store, actor(), socket.gethostname())


def actor() -> str:
    """The OS user; under sudo the one who called it."""
    return os.environ.get("SUDO_USER") or getpass.getuser()


def now_us() -> int:
    """The present in microseconds since the epoch, UTC."""
    return time.time_ns() // 1000


def run_engine(settings: Settings) -> None:
    """Be the engine until SIGTERM or SIGINT; a hang-up of the terminal is not for it.

    Raises:
        EngineRunningError: another process is the engine of this data folder.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    from pandora_core.store.jobs import Jobs

    with process.engine_lock(settings.data), _store_of(settings) as store:
        keeper = process.QueueKeeper(settings.data, Jobs(store).has_open)
        with contextlib.closing(keeper):
            _service(settings, store, escalator_of(settings, store).tend, keeper).run(stop)


def escalator_of(settings: Settings, store: Store) -> Escalator:
    """What gives alerts to the quantum model; for whoever holds the engine lock.

    Raises:
        ConfigError: there is no backend of the name in the settings.
    """
    from pandora_core.escalator import Escalator, Options
    from pandora_core.quantum.jobs.backends import check_name

    check_name(settings.escalation_backend)
    return Escalator(
        store,
        settings.data,
        rules_of(settings),
        Options(settings.escalation_shots),
        host=socket.gethostname(),
        clock=now_us,
        token_problem=lambda: _token_problem(settings.data),
    )


def rules_of(settings: Settings) -> Rules:
    """What the settings let be escalated."""
    from pandora_core.quantum.tier.policy import Rules

    return Rules(
        is_on=settings.escalation,
        backend=settings.escalation_backend,
        ibm_consent=settings.escalation_ibm_consent,
        air_gapped=settings.air_gapped,
        deadline_s=settings.escalation_deadline_s,
        per_hour=settings.escalation_per_hour,
        uncertain_points=settings.escalation_uncertain_points,
    )


def ingest(settings: Settings, patterns: Sequence[str], format_name: str) -> dict[str, Any]:
    """Read patterns to their end and say what was read: here, or by the engine if one runs.

    Raises:
        SourceError: nothing is there under a pattern.
    """
    from pandora_core.ingest.tail import SourceSpec
    from pandora_core.service import read_once

    check_format(format_name)
    wanted = [absolute(pattern) for pattern in patterns]
    _refuse_missing(wanted)
    raise_file_limit()
    _collect_rarely()
    try:
        with process.engine_lock(settings.data), _store_of(settings) as store:
            engine = _engine(settings, store)
            done = read_once(engine, store, [SourceSpec(pattern, format_name) for pattern in wanted])
            engine.close()
            return done
    except EngineRunningError:
        if "-" in wanted:
            raise
        with _store_of(settings) as store:
            return _await_import(settings, store, wanted, format_name)


def _collect_rarely() -> None:
    """The engine makes many small objects and no cycles: the collector's usual pace costs time and finds nothing."""
    gc.set_threshold(50_000, 20, 1_000)


def raise_file_limit() -> None:
    """Let this process open as many files as it may: a folder of rotated logs has thousands."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536) if hard > 0 else 65_536, hard))


def engine_pid(data: Path | None) -> int | None:
    """Process id of the engine of a data folder, or ``None``."""
    return process.running_pid(config.load(data).data)


def absolute(pattern: str) -> str:
    """A source's pattern so that it means the same from every folder; ``-`` stays standard input."""
    return pattern if pattern == "-" else os.path.abspath(os.path.expanduser(pattern))


def check_format(name: str) -> None:
    """Refuse a format that is not registered.

    Raises:
        ConfigError: with the names there are.
    """
    from pandora_core.plugins import names

    if name != "auto" and name not in names("formats"):
        raise ConfigError(
            f"no log format {name!r}", where="--format", hint=f"known: auto, {', '.join(names('formats'))}"
        )


def to_json(value: Any) -> str:
    """One line of JSON."""
    return json.dumps(value, ensure_ascii=False)


def write_private(path: Path, text: str) -> None:
    """Write a new file with mode 0600.

    Raises:
        StoreError: it exists already, or cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"cannot write: {error.strerror}", where=str(path), hint="choose another name") from error
    with open(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)


@contextlib.contextmanager
def _store_of(settings: Settings) -> Iterator[Store]:
    from pandora_core.store.store import Store

    store = Store(settings.data / FILE_NAME)
    try:
        yield store
    finally:
        store.close()


def _engine(settings: Settings, store: Store) -> Engine:
    from pandora_core.engine import Engine, EngineOptions
    from pandora_core.ingest.recognise import formats
    from pandora_core.learn.scoring.live import LiveModel
    from pandora_core.learn.scoring.novel_flows import NovelFlows, screen_of
    from pandora_core.store.escalations import Escalations

    options = EngineOptions(settings.batch_size, int(settings.silent_after_s * SECOND_US))
    novel = partial(
        NovelFlows,
        chosen=Escalations(store).model,
        opened=partial(screen_of, settings.data),
        per_day=settings.novelty_per_day,
    )
    scorer = partial(LiveModel, data=settings.data, novel=novel)
    return Engine(store, formats(), clock=now_us, options=options, scorer=scorer)


def _token_problem(data: Path) -> str:
    """Why IBM's token is not at hand; empty where it is."""
    from pandora_core.vault.agent import credentials

    try:
        with credentials.lease(data, credentials.IBM_QUANTUM):
            return ""
    except PandoraError as error:
        return error.what


def _service(
    settings: Settings, store: Store, escalate: Callable[[], None], run_queue: Callable[[], None]
) -> Service:
    from pandora_core.service import Service, ServiceOptions
    from pandora_core.store.maintenance import Retention

    raise_file_limit()
    _collect_rarely()
    retention = Retention(
        max_age_us=int(settings.retain_days * DAY_US) or None, max_bytes=int(settings.retain_gb * 1e9) or None
    )
    options = ServiceOptions(settings.poll_s, settings.scan_s, retention, escalate, run_queue)
    return Service(_engine(settings, store), store, options)


def _await_import(settings: Settings, store: Store, patterns: list[str], format_name: str) -> dict[str, Any]:
    from pandora_core.store.reader import Reader

    number = operator_of(store).request_import(patterns, format_name, at_us=now_us())
    reader = Reader(store)
    while True:
        request = next(row for row in reader.imports() if row.id == number)
        if request.state == "done":
            done: dict[str, Any] = json.loads(request.summary)
            return done
        if request.state == "failed":
            raise SourceError(request.summary)
        if process.running_pid(settings.data) is None:
            raise EngineError("the engine ended before the import did", hint="run the import again: nothing is lost")
        time.sleep(0.1)


def _refuse_missing(patterns: Sequence[str]) -> None:
    for pattern in patterns:
        if pattern != "-" and not glob.has_magic(pattern) and not os.path.lexists(pattern):
            raise SourceError("there is no such file or folder", where=pattern, hint="check the path; quote globs")
