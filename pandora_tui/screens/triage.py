"""Owns the triage keys: what an operator does to the alert in front of them; the store is asked, never waited for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from pandora_core.model import Action, ActionKind, Verdict
from pandora_tui.commands import VERDICT_NAMES
from pandora_tui.screens.base import PandoraScreen
from pandora_tui.widgets.dialogs import Blank, ChoiceDialog, FormDialog, TextDialog

if TYPE_CHECKING:
    from pandora_core.store.rows import AlertDetail
    from pandora_tui.desks.sealing import Sealed

VERDICTS = (
    (Verdict.TRUE_POSITIVE, "true positive   it is what it looks like"),
    (Verdict.FALSE_POSITIVE, "false positive  wrongly seen; it no longer counts for the risk"),
    (Verdict.BENIGN, "benign          rightly seen and allowed; it no longer counts"),
)
_MOST_CHARACTERS = 2_000


class Chosen(NamedTuple):
    """The alert in front of the operator, and the newest action on it that they have seen."""

    alert_id: str
    seen_id: int
    entity: str
    kind: str


class TriageScreen(PandoraScreen):
    """A screen with one alert in front. A text that was refused is there again when its dialog is next opened."""

    def __init__(self) -> None:
        super().__init__()
        self._drafts: dict[tuple[str, ActionKind], str] = {}

    def chosen(self) -> Chosen | None:
        """The alert that the keys act on."""
        raise NotImplementedError

    def action_acknowledge(self) -> None:
        self._act(ActionKind.ACKNOWLEDGE)

    def action_reopen(self) -> None:
        self._act(ActionKind.REOPEN)

    def action_assign(self, who: str = "") -> None:
        me = self.console.feed.actor if self.console.feed is not None else ""
        self._act_with_text(ActionKind.ASSIGN, who, "Assign to", me, "nobody")

    def action_note(self, text: str = "") -> None:
        self._act_with_text(ActionKind.NOTE, text, "Note on", "", "what you saw or did")

    def action_close_alert(self, why: str = "") -> None:
        self._act_with_text(ActionKind.CLOSE, why, "Close", "", "why, if you like")

    def action_verdict(self, verdict: str = "") -> None:
        """Give a verdict: the one that was typed, or the one that is chosen from a list."""
        chosen = self._chosen_or_say()
        if chosen is None:
            return
        if verdict in VERDICT_NAMES:
            self._do(chosen, ActionKind.VERDICT, verdict.replace("-", " "))
            return
        dialog = ChoiceDialog(f"What is it?  {chosen.entity}", [text for _, text in VERDICTS])
        self.app.push_screen(dialog, partial(self._take_verdict, chosen))

    def action_undo(self) -> None:
        chosen = self._chosen_or_say()
        if chosen is not None:
            self.ask(lambda: self.feed.undo(chosen.alert_id), self._say_undone)

    def action_seal(self) -> None:
        """Keep the alert and its raw lines in a sealed file; the vault may be locked."""
        chosen = self._chosen_or_say()
        if chosen is None:
            return
        if not self.console.vault.exists:
            self.notify("there is no vault yet: 5 i makes one", timeout=6)
            return
        self.ask(lambda: self.feed.evidence(chosen.alert_id), lambda content: self._seal(chosen, content))

    def action_suppress(self) -> None:
        """Ask what nobody wants to hear of any more: what one detector finds of this entity, or all of it."""
        chosen = self._chosen_or_say()
        if chosen is not None:
            self.ask(lambda: self.feed.alert(chosen.alert_id), partial(self._ask_what_to_suppress, chosen))

    def action_graph(self) -> None:
        """Show the alert's entity among the log-ons between hosts."""
        chosen = self._chosen_or_say()
        if chosen is not None:
            self.console.board.wanted_host = chosen.entity
            self.console.action_go("network")

    def action_pivot(self) -> None:
        """Search the events of the alert's entity."""
        from pandora_tui.screens.events import EventsScreen, Search

        chosen = self._chosen_or_say()
        if chosen is not None:
            self.app.push_screen(EventsScreen(Search(chosen.entity)))

    def _ask_what_to_suppress(self, chosen: Chosen, detail: AlertDetail) -> None:
        entity = str(detail.view.alert.entity)
        detectors = list(dict.fromkeys(part.detector for part in detail.view.alert.contributions))
        blanks = (
            Blank("entity", "of what (* stands for anything)", entity),
            Blank("detector", f"what of it: {', '.join([*detectors, '*'])}", detectors[0] if detectors else "*"),
            Blank("days", "for how many days of log time", "30"),
            Blank("reason", "why: whoever comes after you reads it"),
        )
        form = FormDialog(f"Hear no more of it  {chosen.entity}", blanks, check=_complaint_of_suppression)
        self.app.push_screen(form, self._suppress)

    def _suppress(self, values: dict[str, str] | None) -> None:
        if values is None:
            return
        detector = "" if values["detector"].strip() == "*" else values["detector"].strip()
        entity, reason, days = values["entity"].strip(), values["reason"].strip(), int(values["days"])
        self.ask(
            lambda: self.feed.suppress(entity, detector, reason, days),
            lambda done: self.notify(f"suppressed, no. {done.id}: pandora suppress list shows all", timeout=6),
        )

    def _seal(self, chosen: Chosen, content: bytes) -> None:
        from pandora_tui.desks.sealing import seal

        desk = self.console.vault
        self.console.errands.run(
            lambda: seal(desk.client, desk.data, chosen.alert_id, content),
            lambda sealed: self._say_sealed(chosen, sealed),
            lambda error: self.say_refused(error) if self.is_running else None,
        )

    def _say_sealed(self, chosen: Chosen, sealed: Sealed) -> None:
        """Tell, and write it down on the alert, for whoever looks for its evidence later."""
        if self.is_running:
            self.notify(f"sealed: {sealed.path}", timeout=8)
            text = f"evidence sealed: {sealed.path.name}, {sealed.size_bytes:,} bytes, SHA-384 {sealed.sha384}"
            self._do(chosen, ActionKind.NOTE, text)

    def _act(self, kind: ActionKind) -> None:
        chosen = self._chosen_or_say()
        if chosen is not None:
            self._do(chosen, kind, "")

    def _act_with_text(self, kind: ActionKind, text: str, title: str, default: str, placeholder: str) -> None:
        """Act with the text that was typed on the command line, else with what a dialog asks for."""
        chosen = self._chosen_or_say()
        if chosen is None:
            return
        if text:
            self._do(chosen, kind, text)
            return
        dialog = TextDialog(
            f"{title} {chosen.entity}",
            text=self._drafts.get((chosen.alert_id, kind), default),
            placeholder=placeholder,
            check=_complaint_of_note if kind is ActionKind.NOTE else _complaint,
        )
        self.app.push_screen(dialog, partial(self._take_text, chosen, kind))

    def _take_text(self, chosen: Chosen, kind: ActionKind, text: str | None) -> None:
        if text is not None:
            self._do(chosen, kind, text.strip())

    def _take_verdict(self, chosen: Chosen, place: int | None) -> None:
        if place is not None:
            self._do(chosen, ActionKind.VERDICT, VERDICTS[place][0].value)

    def _do(self, chosen: Chosen, kind: ActionKind, value: str) -> None:
        """Ask the store; the row changes when it has confirmed."""
        if value:
            self._drafts[chosen.alert_id, kind] = value
        self.ask(
            lambda: self.feed.act(chosen.alert_id, kind, value, chosen.seen_id), lambda _: self._done(chosen, kind)
        )

    def _done(self, chosen: Chosen, kind: ActionKind) -> None:
        self._drafts.pop((chosen.alert_id, kind), None)

    def _say_undone(self, action: Action) -> None:
        self.notify(f"undone: {action.value}", timeout=3)

    def _chosen_or_say(self) -> Chosen | None:
        chosen = self.chosen()
        if chosen is None:
            self.notify("no alert stands still under the cursor: look again", timeout=3)
        return chosen


def _complaint(text: str) -> str:
    return f"at most {_MOST_CHARACTERS:,} characters" if len(text) > _MOST_CHARACTERS else ""


def _complaint_of_suppression(values: dict[str, str]) -> str:
    days = values["days"].strip()
    if not (days.isascii() and days.isdigit() and 1 <= int(days) <= 3650):
        return "days: a number from 1 to 3650"
    if values["entity"].strip() in ("", "*") and values["detector"].strip() in ("", "*"):
        return "that would be everything"
    return "" if values["reason"].strip() else "a suppression wants a reason"


def _complaint_of_note(text: str) -> str:
    return _complaint(text) if text.strip() else "a note wants some words; esc leaves"
