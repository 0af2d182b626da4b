"""Owns how the vault is told: what is known while it is locked, an entry with its values masked or shown, its slots.

All functions return lines of pieces for a width in cells; what the vault holds is made safe here like any other text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from pandora_tui.stories.words import day_text
from pandora_tui.stories.wrapping import chopped, wrapped
from pandora_tui.style import Role, count_text, duration_text, fit, glyphs, safe_text
from pandora_tui.widgets.braille import bar
from pandora_tui.widgets.lines import Line
from pandora_tui.widgets.pieces import Piece

if TYPE_CHECKING:
    from pandora_core.vault.agent.answers import EntryView, RecipientsView, SlotView, VaultStatus
    from pandora_core.vault.crypto.totp import Code

MASK = "********"
_LABEL = 12
_MEMORY_NOTES = (
    ("memory_locked", "its memory may be swapped to disk"),
    ("no_core_dumps", "a crash may write its memory to disk"),
    ("no_tracing", "another process of yours may read its memory"),
)


class Showing(NamedTuple):
    """What the pane shows of an entry beyond its list row: values by field, a one-time code, how long still."""

    values: Mapping[str, str] = {}
    code: Code | None = None
    seconds_left: float = 0.0


def locked(status: VaultStatus, said: str, width: int) -> list[Line]:
    """What can be known without the key."""
    deposits = f"{status.deposits}, taken in at the next unlock" if status.deposits else "none"
    lines: list[Line] = [[Piece(" The vault is locked", Role.STRONG)], []]
    lines += _facts(status, width)
    lines += [
        _fact("entries", "hidden", width),
        _fact("deposits", deposits, width),
        *_leases(status, width),
        [],
    ]
    if said:
        lines += [[Piece(f" {line}", Role.WARN)] for line in wrapped(safe_text(said), max(1, width - 2))] + [[]]
    lines.append([Piece(" u", Role.ACCENT), Piece(" unlock with the passphrase", Role.TEXT)])
    lines.append([Piece(" K", Role.ACCENT), Piece(" unlock with a key file", Role.TEXT)])
    return lines


def opened(status: VaultStatus, width: int) -> Line:
    """One line over the list of an unlocked vault: what is true of it."""
    until = "" if status.locks_in_s is None else f"  locks in {duration_text(max(0.0, status.locks_in_s))}"
    trust = f" integrity {status.integrity or 'not checked'}, freshness {status.freshness or 'unknown'}"
    text = f"{trust}  {count_text(status.entries)} entries{until}"
    role = Role.GOOD if status.integrity == "verified" else Role.WARN
    return [Piece(fit(safe_text(text), width), role)]


def entry(view: EntryView, showing: Showing, width: int) -> list[Line]:
    """An entry with its values: hidden ones masked unless they are being shown."""
    title = f" {safe_text(view.name, max(1, width - 20))}"
    lines: list[Line] = [[Piece(title, Role.STRONG), Piece(f"  {view.kind}", Role.MUTED)]]
    for field in view.fields:
        lines += _field(field, view, showing, width)
    if showing.code is not None:
        lines += _code(showing.code, width)
    if showing.values or showing.code:
        lines.append([Piece(f" hidden again in {duration_text(max(0.0, showing.seconds_left))}", Role.MUTED)])
    lines.append([])
    if view.tags:
        lines.append(_fact("tags", "  ".join(view.tags), width))
    if view.note:
        lines += _note(view.note, width)
    changed = f"{day_text(view.changed_ms * 1000)} UTC, version {view.version}"
    lines.append(_fact("changed", changed, width))
    return lines


def slots(found: list[SlotView], width: int) -> list[Line]:
    """The ways into the vault."""
    return [_fact(slot.type.lower(), slot_text(slot), width) for slot in found]


def public_keys(keys: RecipientsView, width: int) -> list[Line]:
    """What others need: to seal for this vault, to send it a bundle, to trust what it signs."""
    lines: list[Line] = []
    for label, text in (
        ("seal for", keys.vault),
        ("bundles for", keys.bundle),
        (keys.signer, keys.signer_fingerprint),
    ):
        first, *rest = chopped(safe_text(text, 4_000), max(1, width - _LABEL - 3))
        lines += [_fact(label, first, width), *([Piece(" " * (_LABEL + 2) + line)] for line in rest)]
    return lines


def slot_text(slot: SlotView) -> str:
    """A way in, in words."""
    parts = [slot.label or "no label"]
    if slot.memory_mib:
        parts.append(f"Argon2id {slot.memory_mib} MiB, {slot.passes} passes")
    if slot.shares:
        parts.append(f"any {slot.threshold} of {slot.shares} shares")
    if slot.recipient:
        parts.append(slot.recipient[:24] + glyphs().ellipsis)
    return f"  {glyphs().low} ".join(parts)


def tile(status: VaultStatus | None, exists: bool) -> str:
    """The vault in a few words, for the overview."""
    if not exists:
        return "There is no vault yet."
    if status is None:
        return "There is a vault."
    held = f", {status.deposits} deposits wait" if status.deposits else ""
    if status.state == "unlocked":
        return f"Unlocked, {status.entries} entries, integrity {status.integrity or 'not checked'}."
    return f"Locked{held}."


def _facts(status: VaultStatus, width: int) -> list[Line]:
    made = f"{status.profile}, by {status.provider}" if status.profile else "said by the agent once it runs"
    lines = [_fact("profile", made, width)]
    if status.slots:
        lines.append(_fact("ways in", count_text(status.slots), width))
    if status.integrity:
        lines.append(_fact("integrity", status.integrity, width))
        lines.append(_fact("freshness", status.freshness, width))
    if status.agent_pid is not None:
        lines += [
            _fact("beware", text, width, Role.WARN) for name, text in _MEMORY_NOTES if not getattr(status, name)
        ]
    return lines


def _leases(status: VaultStatus, width: int) -> list[Line]:
    return [_fact("leased", lease.name, width) for lease in status.leases]


def _field(field: str, view: EntryView, showing: Showing, width: int) -> list[Line]:
    label = Piece(f" {fit(safe_text(field), _LABEL)} ", Role.MUTED)
    if field in showing.values:
        room = max(1, width - _LABEL - 3)
        first, *rest = wrapped(safe_text(showing.values[field], 4_000), room)
        return [[label, Piece(first)], *([Piece(" " * (_LABEL + 2) + line)] for line in rest)]
    masked = MASK if field in view.hidden else f"{glyphs().ellipsis} enter shows it"
    return [[label, Piece(masked, Role.FAINT)]]


def _code(code: Code, width: int) -> list[Line]:
    half = len(code.digits) // 2
    room = max(4, min(30, width - _LABEL - 8))
    rest = bar(code.good_for_s / code.period_s, room)
    label = Piece(f" {fit('code', _LABEL)} ", Role.MUTED)
    return [
        [label, Piece(f"{code.digits[:half]} {code.digits[half:]}", Role.ACCENT)],
        [Piece(" " * (_LABEL + 2)), Piece(rest, Role.ACCENT), Piece(f" {code.good_for_s:.0f}s", Role.MUTED)],
    ]


def _note(note: str, width: int) -> list[Line]:
    first, *rest = wrapped(safe_text(note, 4_000), max(1, width - _LABEL - 3))
    return [_fact("note", first, width), *([Piece(" " * (_LABEL + 2) + line)] for line in rest)]


def _fact(label: str, text: str, width: int, role: Role = Role.TEXT) -> Line:
    room = max(1, width - _LABEL - 3)
    return [Piece(f" {fit(label, _LABEL)} ", Role.MUTED), Piece(safe_text(text, room), role)]
