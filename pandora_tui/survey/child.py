"""Owns the process that makes the graph for a console: it reads the store, answers, and ends with the console.

``python -m pandora_tui.survey.child DESCRIPTOR`` speaks over a socket that its console gave it, and is told the data
folder first. It does one survey at a time; other questions do not wait for it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from pandora_core import bootstrap
from pandora_core.atlas import Atlas
from pandora_core.errors import PandoraError
from pandora_core.store.graphs import GraphStore
from pandora_tui.survey.frames import frames, send
from pandora_tui.survey.sights import Again, Answer, Asked, Look, Picture, Question, Survey
from pandora_tui.survey.whole import Whole

log = logging.getLogger(__name__)

NICENESS = 5
"""Keys and the engine come first where there are too few processors."""


class _Made(NamedTuple):
    """The graph of a time, or of the present (``None``)."""

    at_us: int | None
    whole: Whole


class Desk:
    """The graph of one data folder, and answers about what was made of it last. The first survey opens the store."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._surveying = threading.Lock()
        self._opened = contextlib.ExitStack()
        self._atlas: Atlas | None = None
        self._made: _Made | None = None

    def answer(self, question: Question) -> object:
        """What is asked for, ready to be encoded.

        Raises:
            PandoraError: there is no such host, or no reading the store.
        """
        if isinstance(question, Survey):
            with self._surveying:
                return self._survey(question)
        whole = self._whole_of(question.at_us)
        if isinstance(question, Again):
            return whole.picture(question.look)
        return _ABOUT[question.what](whole, question.name)

    def close(self) -> None:
        """Let go of the store."""
        with self._surveying:
            self._opened.close()

    def _whole_of(self, at_us: int | None) -> Whole:
        """What was made last, if it is of that time: a process that has just taken over makes it first."""
        made = self._made
        if made is None or made.at_us != at_us:
            with self._surveying:
                self._survey(Survey(at_us, 0, Look()))
                made = self._made
        assert made is not None
        return made.whole

    def _survey(self, asked: Survey) -> Picture | None:
        if self._atlas is None:
            store = self._opened.enter_context(bootstrap.opened(self._data))
            self._atlas = Atlas(GraphStore(store))
        taken = self._atlas.catch_up(bootstrap.now_us())
        made = self._made
        is_present = made is not None and made.at_us is None and asked.at_us is None
        if made is not None and is_present and not taken and made.whole.number == asked.known:
            return None
        moment = self._atlas.moment(asked.at_us)
        jewels = {jewel.host: jewel.why for jewel in self._atlas.jewels(moment)}
        number, before = (made.whole.number + 1, made.whole.positions) if made is not None else (1, None)
        whole = Whole.of(number, moment, jewels, before)
        self._made = _Made(asked.at_us, whole)
        return whole.picture(asked.look)


def main(descriptor: int) -> None:
    """Answer until the console is gone; what is under way then is of no use to anybody."""
    os.nice(NICENESS)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    sending = threading.Lock()
    with socket.socket(fileno=descriptor) as line:
        messages = frames(line)
        desk = Desk(Path(msgspec.msgpack.decode(next(messages), type=str)))
        for frame in messages:
            asked = msgspec.msgpack.decode(frame, type=Asked)
            threading.Thread(target=_reply, args=(desk, asked, line, sending), daemon=True).start()
    os._exit(0)


def _reply(desk: Desk, asked: Asked, line: socket.socket, sending: threading.Lock) -> None:
    try:
        answer = Answer(asked.number, msgspec.Raw(msgspec.msgpack.encode(desk.answer(asked.question))))
    except PandoraError as error:
        answer = Answer(asked.number, problem=str(error))
    except Exception as error:  # door: a worker's job. Whoever asked is told, and the log has the rest
        log.exception("a question about the graph failed")
        answer = Answer(asked.number, problem=f"{type(error).__name__}: {error}")
    with sending, contextlib.suppress(OSError):  # the console is gone: so are we, in a moment
        send(line, answer)


_ABOUT: dict[str, Callable[[Whole, str], object]] = {
    "walk": Whole.walk,
    "blast": Whole.blast,
    "paths": Whole.paths,
    "plans": Whole.plans,
    "circuit": Whole.circuit,
    "ties": Whole.ties,
}


if __name__ == "__main__":
    main(int(sys.argv[1]))
