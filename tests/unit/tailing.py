"""A log format made up for tests of the reading side, and a reader that commits and is killed as the engine is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pandora_core.ingest.format import Decoded, LogFormat
from pandora_core.ingest.tail import Change, Checkpoint, Follower, LogFile, SourceSpec
from pandora_core.model import BadLine, Event


class PlainDecoder:
    """Counts lines; a line that starts with ``#`` is a header, any other an event."""

    def __init__(self, state: dict[str, Any] | None) -> None:
        self.lines = state["lines"] if state else 0

    def decode(self, lines: Sequence[bytes]) -> list[Decoded]:
        self.lines += len(lines)
        return [None if line.startswith(b"#") or not line.strip() else _event(line) for line in lines]

    def state(self) -> dict[str, Any]:
        return {"lines": self.lines}


def _event(line: bytes) -> Event:
    return Event(at_us=0, dataset="plain.line", message=line.decode("utf-8", "replace"))


class PlainFormat:
    """Any text that is not binary."""

    name = "plain"

    def __init__(self, delimiter: bytes = b"\n") -> None:
        self.delimiter = delimiter

    def sniff(self, head: bytes, filename: str) -> float:
        return 0.0 if head.startswith(b"\x89BINARY") else 1.0

    def decoder(self, state: dict[str, Any] | None, *, filename: str, modified_us: int) -> PlainDecoder:
        return PlainDecoder(state)


PLAIN: Mapping[str, LogFormat] = {"plain": PlainFormat()}


def follower(
    paths: Sequence[object], known: Sequence[Checkpoint] = (), *, follow: bool = True, **options: Any
) -> Follower:
    """A follower of paths whose rotated files are finished at once, unless an option says otherwise."""
    specs = [SourceSpec(str(path)) for path in paths]
    return Follower(specs, known, options.pop("formats", PLAIN), follow=follow, **{"grace_s": 0.0, **options})


class Reader:
    """Reads as the engine does: what it read counts only when it is committed, together with the checkpoints."""

    def __init__(self, paths: Sequence[object], **options: Any) -> None:
        self.paths = paths
        self.options = options
        self.stored: dict[int, Checkpoint] = {}
        self.committed: list[bytes | BadLine] = []
        self.changes: list[Change] = []
        self.start()

    def start(self) -> None:
        """Begin (again) from what was committed."""
        self.follower = follower(self.paths, list(self.stored.values()), **self.options)
        self.rows: dict[LogFile, int] = {}
        self.uncommitted: list[bytes | BadLine] = []
        self.touched: dict[LogFile, Checkpoint] = {}

    def scan(self) -> list[Change]:
        found = self.follower.scan()
        self.changes += found
        return found

    def read(self, most: int = 1000, files: int = 1000) -> int:
        """Read once from some of the files that have something."""
        count = 0
        for file in self.follower.pending()[:files]:
            lines = file.read(most)
            file.decoder.decode([text for text in lines.texts if isinstance(text, bytes)])
            self.uncommitted += lines.texts
            self.touched[file] = file.checkpoint()
            count += len(lines.texts)
        return count

    def commit(self) -> None:
        for file, checkpoint in self.touched.items():
            self.stored[self._row(file)] = checkpoint
        self.committed += self.uncommitted
        self.uncommitted, self.touched = [], {}

    def kill(self) -> None:
        self.follower.close()
        self.start()

    def drain(self, looks: int = 6) -> list[bytes | BadLine]:
        """Look and read until nothing more comes; returns what was committed since the last time this was asked."""
        before = len(self.committed)
        for _ in range(looks):
            self.scan()
            while self.follower.pending():
                self.read()
            self.commit()
        return self.committed[before:]

    def drain_once(self) -> list[bytes | BadLine]:
        """Without ``follow``: read everything to its end, as an import does."""
        before = len(self.committed)
        for _ in range(50):
            self.drain(1)
            if self.follower.is_done:
                return self.committed[before:]
        raise AssertionError("an import does not come to its end")

    def _row(self, file: LogFile) -> int:
        if file not in self.rows:
            known = next((row for row, checkpoint in self.stored.items() if checkpoint == file.known), None)
            self.rows[file] = len(self.stored) if known is None else known
        return self.rows[file]
