"""The process that makes the graph for a console: what it answers, how it ends, and what the console never loads."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pandora_core.errors import NotFoundError, PandoraError
from pandora_tui.survey.child import Desk
from pandora_tui.survey.frames import frames, send
from pandora_tui.survey.sights import About, Again, Look, Picture, Survey, Walked, label_of
from pandora_tui.survey.surveyor import Surveyor
from tests.tui import networked


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    tmp_path.chmod(0o700)
    networked.fill(tmp_path)
    desk = Desk(tmp_path)
    yield desk
    desk.close()


def surveyed(desk: Desk, known: int = 0, at_us: int | None = None) -> Picture:
    picture = desk.answer(Survey(at_us, known, Look()))
    assert isinstance(picture, Picture)
    return picture


def test_what_a_console_shows_already_is_not_made_again(desk: Desk) -> None:
    first = surveyed(desk)
    assert desk.answer(Survey(None, first.number, Look())) is None
    assert surveyed(desk, known=0).number > first.number


def test_the_present_comes_back_after_the_past_was_shown(desk: Desk) -> None:
    first = surveyed(desk)
    past = surveyed(desk, at_us=first.at_us - 5 * 86_400_000_000)
    assert past.at_us < first.at_us
    assert surveyed(desk, known=past.number).at_us == first.at_us


def test_a_process_that_has_just_taken_over_makes_the_graph_of_the_time_that_is_asked_about(desk: Desk) -> None:
    now = desk.answer(Again(None, Look()))
    assert isinstance(now, Picture)
    past = desk.answer(Again(now.at_us - 5 * 86_400_000_000, Look()))
    assert isinstance(past, Picture)
    assert past.moves_in_all < now.moves_in_all


def test_a_walk_begins_at_its_host_and_is_told_in_words_at_every_time(desk: Desk) -> None:
    surveyed(desk)
    walked = desk.answer(About("walk", "ws-2", None))
    assert isinstance(walked, Walked)
    assert walked.at(0)["WS-2"] == pytest.approx(1.0)
    assert len(walked.words) == len(walked.times)
    with pytest.raises(NotFoundError):
        desk.answer(About("walk", "nobody", None))


def test_other_nodes_come_after_the_hosts_and_move_none_of_them(desk: Desk) -> None:
    plain = surveyed(desk)
    full = desk.answer(Again(None, Look(nodes="all")))
    assert isinstance(full, Picture)
    assert full.hosts == plain.hosts
    assert full.points[: plain.host_count].tolist() == plain.points.tolist()
    assert len(full.names) == sum(full.counts.values())
    assert int(full.pairs.max()) < len(full.names)


def test_a_node_is_labelled_without_what_tells_its_kind() -> None:
    assert [label_of(name) for name in ("WS-1", "user:anna", "service:smb on FS-1")] == ["WS-1", "anna", "smb"]


def test_it_ends_with_the_console(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    networked.fill(tmp_path)
    surveyor = Surveyor(tmp_path)
    assert surveyor.survey(None, 0, Look()) is not None
    pid = surveyor.pid
    assert pid is not None
    surveyor.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(PandoraError, match="closing"):
        surveyor.again(None, Look())


def test_a_process_that_cannot_start_leaves_its_last_words_to_whoever_asked(tmp_path: Path) -> None:
    surveyor = Surveyor(tmp_path, "pandora_tui.no_such_module")
    for _ in range(2):  # another one is started for the next question
        with pytest.raises(PandoraError, match=r"ended: .*No module named"):
            surveyor.again(None, Look())
    surveyor.close()


def test_a_message_that_is_cut_off_is_none() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        send(ours, ["whole"])
        ours.sendall(b"\x05\0\0\0cu")
        ours.close()
        assert len(list(frames(theirs))) == 1


def test_the_console_loads_neither_scipy_nor_the_graph() -> None:
    """Only the child does: its imports alone would hold up keys for half a second."""
    code = (
        "import sys, pandora_tui.screens.network, pandora_tui.widgets.raster, pandora_tui.survey.surveyor;"
        "print([name for name in sys.modules if name.split('.')[0] in ('scipy', 'sqlalchemy', 'qiskit')"
        " or name.startswith('pandora_core.graph')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_one_that_is_killed_is_said_to_be_and_nobody_waits_for_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    networked.fill(tmp_path)
    surveyor = Surveyor(tmp_path)
    surveyor.survey(None, 0, Look())
    os.kill(surveyor.pid or 0, signal.SIGSTOP)
    threading.Timer(0.2, os.kill, (surveyor.pid or 0, signal.SIGKILL)).start()
    with pytest.raises(PandoraError, match="signal 9"):
        surveyor.again(None, Look())
    surveyor.close()
