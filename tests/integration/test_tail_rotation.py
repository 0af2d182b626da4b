"""Nothing is lost and nothing comes twice: random rotation against a reader that is killed at random moments."""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.tailing import Reader

LOG = "auth.log"


class Writer:
    """A daemon that writes a log and a logrotate that moves it; remembers what every generation of the log holds."""

    def __init__(self, folder: Path, header_bytes: int) -> None:
        self.folder = folder
        self.header = b"#" + b"h" * header_bytes + b"\n" if header_bytes else b""
        self.generations: list[list[bytes]] = []
        self.rest = b""
        self.homes: dict[str, int] = {}
        self.count = 0
        self.archived = 0
        self.log = folder / LOG
        self._open()

    def _open(self) -> None:
        self.file = open(self.log, "ab", buffering=0)  # noqa: SIM115 - a daemon keeps its log open
        self.generations.append([])
        self.homes[LOG] = len(self.generations) - 1
        self.rest = b""
        self.file.write(self.header)

    def append(self, lines: int, size: int) -> None:
        for _ in range(lines):
            self.count += 1
            filler = b"." * (self.count * 7919 % (size + 1))
            line = self.rest + b"g%d-%d:%s%d" % (len(self.generations) - 1, self.count, filler, self.count)
            self.file.write(line[len(self.rest) :] + b"\n")
            self.generations[-1].append(line)
            self.rest = b""

    def append_part(self, size: int) -> None:
        self.count += 1
        part = b"part-%d:%s%d" % (self.count, b"-" * size, self.count)
        self.file.write(part)
        self.rest += part

    def end_generation(self) -> None:
        """The last line of a log that was rotated away stays as it is."""
        if self.rest:
            self.generations[-1].append(self.rest)

    def shift(self) -> None:
        for name in sorted(self._rotated(), key=_number, reverse=True):
            parts = name.split(".")
            parts[2] = str(int(parts[2]) + 1)
            os.rename(self.folder / name, self.folder / ".".join(parts))
            self.homes[".".join(parts)] = self.homes.pop(name)

    def rename(self) -> None:
        self.shift()
        os.rename(self.log, self.folder / f"{LOG}.1")
        self.homes[f"{LOG}.1"] = self.homes.pop(LOG)

    def reopen(self) -> None:
        """After a rename: the daemon is told, and begins a new file."""
        self.end_generation()
        self.file.close()
        self._open()

    def copytruncate(self) -> None:
        self.shift()
        shutil.copy(self.log, self.folder / f"{LOG}.1")
        self.homes[f"{LOG}.1"] = len(self.generations) - 1
        self.end_generation()
        self.file.truncate(0)
        self.generations.append([])
        self.homes[LOG] = len(self.generations) - 1
        self.rest = b""
        self.file.write(self.header)

    def compress(self, *, keep: bool) -> None:
        """The newest uncompressed rotated log becomes a .gz; the original may stay for a while."""
        for name in sorted(self._rotated(), key=_number):
            if not name.endswith(".gz"):
                if not (self.folder / f"{name}.gz").exists():
                    with (
                        open(self.folder / name, "rb") as plain,
                        gzip.open(self.folder / f"{name}.gz", "wb") as packed,
                    ):
                        shutil.copyfileobj(plain, packed)
                    self.homes[f"{name}.gz"] = self.homes[name]
                if not keep:
                    os.unlink(self.folder / name)
                    del self.homes[name]
                return

    def archive(self) -> None:
        """As Zeek does: the newest rotated log is packed into a folder that is named after the day."""
        for name in sorted(self._rotated(), key=_number):
            if not name.endswith(".gz"):
                self.archived += 1
                packed_name = f"2024-01-31/auth.{self.archived:02}:00:00.log.gz"
                (self.folder / "2024-01-31").mkdir(exist_ok=True)
                with open(self.folder / name, "rb") as plain, gzip.open(self.folder / packed_name, "wb") as packed:
                    shutil.copyfileobj(plain, packed)
                self.homes[packed_name] = self.homes.pop(name)
                os.unlink(self.folder / name)
                return

    def delete_oldest(self, committed: set[bytes]) -> None:
        """Delete the oldest rotated log that was read, or of which there is another copy."""
        for name in sorted(self._rotated(), key=_number, reverse=True):
            generation = self.homes[name]
            if set(self.generations[generation]) <= committed or list(self.homes.values()).count(generation) > 1:
                os.unlink(self.folder / name)
                del self.homes[name]
                return

    def _rotated(self) -> list[str]:
        return [name for name in self.homes if name.startswith(f"{LOG}.")]


def _number(name: str) -> tuple[int, str]:
    return int(name.split(".")[2]), name


OPERATIONS = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 30), st.sampled_from([0, 5, 200, 5000])),
    st.tuples(st.just("append_part"), st.sampled_from([0, 3, 300])),
    st.tuples(st.just("rename")),
    st.tuples(st.just("copytruncate")),
    st.tuples(st.just("compress"), st.booleans()),
    st.tuples(st.just("archive")),
    st.tuples(st.just("delete")),
    st.tuples(st.just("scan")),
    st.tuples(st.just("read"), st.sampled_from([1, 2, 7, 64, 1000]), st.integers(1, 3)),
    st.tuples(st.just("commit")),
    st.tuples(st.just("kill")),
    st.tuples(st.just("ingest")),
)


class Play:
    """Runs a schedule of writing, rotating, reading, committing and killing, and judges what was delivered."""

    def __init__(
        self, folder: Path, pattern: str, header_bytes: int, *, writes_late: bool, few: bool = False
    ) -> None:
        self.writer = Writer(folder, header_bytes)
        self.reader = Reader([folder / pattern if pattern else folder], grace_s=1e6 if writes_late else 0.0)
        self.writes_late = writes_late
        self.is_renamed = False
        self.has_few_descriptors = few
        self._limit_descriptors()
        self.writer.append(1, 0)
        self.reader.drain(1)

    def run(self, schedule: list[tuple[object, ...]]) -> None:
        for name, *values in schedule:
            getattr(self, name)(*values)

    def append(self, lines: int, size: int) -> None:
        if self.writes_late or not self.is_renamed:
            self.writer.append(lines, size)

    def append_part(self, size: int) -> None:
        if self.writes_late or not self.is_renamed:
            self.writer.append_part(size)

    def rename(self) -> None:
        if self.is_renamed:
            self.writer.reopen()
        else:
            self.writer.rename()
        self.is_renamed = not self.is_renamed
        if self.is_renamed and not self.writes_late:
            self.rename()

    def copytruncate(self) -> None:
        if not self.is_renamed:
            self.writer.copytruncate()

    def compress(self, keep: bool) -> None:
        if not self.is_renamed:
            self.writer.compress(keep=keep)

    def delete(self) -> None:
        if not self.is_renamed:
            self.writer.delete_oldest({line for line in self.reader.committed if isinstance(line, bytes)})

    def scan(self) -> None:
        self.reader.scan()

    def read(self, most: int, files: int) -> None:
        self.reader.read(most, files)

    def commit(self) -> None:
        self.reader.commit()

    def kill(self) -> None:
        self.reader.kill()
        self._limit_descriptors()

    def archive(self) -> None:
        if not self.is_renamed:
            self.writer.archive()

    def ingest(self) -> None:
        """Nothing follows; everything is read once to its end, then following goes on."""
        if self.is_renamed or self.writer.rest:
            return
        self.reader.options["follow"] = False
        self.reader.kill()
        self.reader.drain_once()
        self.reader.options["follow"] = True
        self.kill()

    def _limit_descriptors(self) -> None:
        if self.has_few_descriptors:
            self.reader.follower._opener.descriptors.limit = 1

    def finish(self) -> list[bytes]:
        """Let the reader come to the end of everything; what it delivered, without headers."""
        if self.is_renamed:
            self.rename()
        self.reader.drain(2)
        self.reader.options["grace_s"] = 0.0
        self.reader.kill()
        self.reader.drain(8)
        self.reader.follower.close()
        return [line if isinstance(line, bytes) else line.reason.encode() for line in self.reader.committed]

    def expected(self) -> list[bytes]:
        return [line for generation in self.writer.generations for line in generation]


def delivered_exactly_once(schedule: list[tuple[object, ...]], *situation: object) -> None:
    pattern, header_bytes, writes_late, few = situation
    few = few and not header_bytes  # a file that is not held open, and one of its inode and header, are the same
    with tempfile.TemporaryDirectory() as folder:
        play = Play(Path(folder), str(pattern), int(str(header_bytes)), writes_late=bool(writes_late), few=bool(few))
        play.run(schedule)
        delivered = [line for line in play.finish() if not line.startswith(b"#")]
        assert sorted(delivered) == sorted(play.expected())
        for generation in play.writer.generations:
            members = set(generation)
            assert [line for line in delivered if line in members] == generation
        play.writer.file.close()


@settings(
    max_examples=200, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
@given(
    schedule=st.lists(OPERATIONS, max_size=40),
    pattern=st.sampled_from([LOG, f"{LOG}*", ""]),
    header_bytes=st.sampled_from([0, 0, 40, 1500]),
    writes_late=st.booleans(),
    few_descriptors=st.booleans(),
)
def test_every_line_is_delivered_exactly_once(
    schedule: list[tuple[object, ...]], pattern: str, header_bytes: int, writes_late: bool, few_descriptors: bool
) -> None:
    delivered_exactly_once(schedule, pattern, header_bytes, writes_late, few_descriptors)
