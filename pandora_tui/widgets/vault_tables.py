"""Owns the lists of the vault: its entries, and the records of its audit trail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from textual.fuzzy import Matcher

from pandora_tui.stories.words import day_text
from pandora_tui.style import Role, age_text
from pandora_tui.widgets.columns import Column
from pandora_tui.widgets.rows import Kind, Rows
from pandora_tui.widgets.virtual_table import VirtualTable

if TYPE_CHECKING:
    from pandora_core.vault.agent.answers import AuditView, EntryView

Clock = Callable[[], int]

_NONE = "no entry yet: n adds one"


class EntryTable(VirtualTable):
    """The entries of an unlocked vault, the best match of a search on top; a row's key is the entry's id."""

    def __init__(self, clock: Clock) -> None:
        rows = Rows({"entry": Kind.OBJECT}, keyed=True)
        super().__init__(_entry_columns(clock), rows, empty=_NONE, id="entries")
        self._listed: dict[str, int] = {}
        self._words = ""

    @property
    def chosen(self) -> EntryView | None:
        """The entry under the cursor."""
        row_id = self.rows.id_of(self.cursor_key) if self.cursor_key is not None else None
        if row_id is None:
            return None
        entry: EntryView = self.rows.row(row_id).entry
        return entry

    def show(self, entries: Sequence[EntryView]) -> None:
        """List these entries."""
        self._listed = {entry.id: self.rows.put(entry.id, entry) for entry in entries}
        self._order()

    def find(self, words: str) -> None:
        """List only what has these letters in this order, in its name, kind or tags."""
        self._words = words.strip()
        self.set_empty("nothing like it: esc shows all" if self._words else _NONE)
        self._order()
        self.action_first()

    def forget(self) -> None:
        """Let go of everything: the vault is locked."""
        self._listed = {}
        self.rows.clear()
        self._order()

    def _order(self) -> None:
        get = self.rows.getter("entry")
        by_name = sorted(self._listed.values(), key=lambda row_id: get(row_id).name.casefold())
        if self._words:
            matcher = Matcher(self._words)
            scores = {row_id: matcher.match(_haystack(get(row_id))) for row_id in by_name}
            by_name = sorted((i for i in by_name if scores[i] > 0), key=lambda row_id: -scores[row_id])
        self.set_order(by_name)


class AuditTable(VirtualTable):
    """The records of the audit trail, the newest first, each marked by what verifying found."""

    def __init__(self) -> None:
        rows = Rows({"record": Kind.OBJECT, "mark": Kind.CHOICE})
        super().__init__(_AUDIT_COLUMNS, rows, empty="no record yet", id="audit")

    def show(self, records: Sequence[AuditView], mark: str) -> None:
        """List these records, all with one mark: the chain holds up to the newest, or it does not."""
        self.rows.clear()
        self.rows.extend(list(records), [mark] * len(records))
        self.action_first()


def _entry_columns(clock: Clock) -> tuple[Column, ...]:
    def age(row: Any) -> str:
        return age_text((clock() / 1000 - row.entry.changed_ms) / 1000)

    return (
        Column("name", lambda row: row.entry.name, 30, 16, grow=3, role=Role.STRONG),
        Column("kind", lambda row: row.entry.kind, 6, role=Role.MUTED),
        Column("tags", lambda row: " ".join(row.entry.tags), 20, 8, priority=2, grow=1),
        Column("version", lambda row: str(row.entry.version), 7, right=True, priority=3, role=Role.MUTED),
        Column("changed", age, 7, right=True, priority=1, role=Role.MUTED),
    )


def _haystack(entry: EntryView) -> str:
    return f"{entry.name} {entry.kind} {' '.join(entry.tags)}"


def _who(row: Any) -> str:
    return f"{row.record.actor}@{row.record.host}".strip("@")


def _details(row: Any) -> str:
    reads = row.record.details.get("reads")
    if isinstance(reads, dict):
        return ", ".join(name if times == 1 else f"{name} {times}x" for name, times in reads.items())
    said = " ".join(f"{key}={value}" for key, value in row.record.details.items())
    return f"{row.record.subject} {said}".strip()


_AUDIT_COLUMNS = (
    Column("no.", lambda row: str(row.record.sequence), 6, 4, right=True, role=Role.MUTED),
    Column("", lambda row: row.mark, 8, role=lambda row: Role.GOOD if row.mark == "verified" else Role.WARN),
    Column("time (UTC)", lambda row: day_text(row.record.at_ms * 1000), 19, 19, priority=2, role=Role.MUTED),
    Column("who", _who, 16, 8, grow=1),
    Column("did", lambda row: row.record.kind, 14, 8, role=Role.STRONG),
    Column("what", _details, 24, 10, priority=1, grow=3),
)
