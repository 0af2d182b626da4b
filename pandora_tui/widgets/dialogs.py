"""Owns the dialogs: confirm, text, form and choice. Each is pushed with a callback and never holds up the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Generic, NamedTuple, TypeVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static

from pandora_tui.commands import DIALOG, bindings
from pandora_tui.style import Role, safe_text
from pandora_tui.widgets.field import Field
from pandora_tui.widgets.pieces import Piece, draw_line

T = TypeVar("T")


class Dialog(ModalScreen[T], Generic[T]):
    """A small box in the middle of the screen; escape leaves it with ``None``."""

    AUTO_FOCUS: ClassVar[str | None] = "*"
    DEFAULT_CSS = """
    Dialog { align: center middle; }
    .dialog-box {
        width: 60; max-width: 94%; height: auto; max-height: 90%; padding: 1 2;
        background: $pandora-surface; border: round $pandora-accent; border-title-color: $pandora-text;
    }
    .dialog-box Static { height: auto; }
    .dialog-complaint { color: $pandora-medium; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings(DIALOG)

    def __init__(self, title: str) -> None:
        super().__init__()
        self._box_title = safe_text(title, markup=True)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog-box boxed") as box:
            box.border_title = self._box_title
            yield from self.body()
            yield Hints(self.hints())

    def body(self) -> ComposeResult:
        """What stands above the line of keys."""
        raise NotImplementedError

    def hints(self) -> Sequence[tuple[str, str, str]]:
        """The keys that work in this dialog: sign, what it does, action."""
        return (("enter", "ok", "screen.accept"), ("esc", "cancel", "screen.cancel"))

    def action_cancel(self) -> None:
        self.dismiss(None)


class Hints(Widget):
    """A line of keys that can be clicked."""

    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = "Hints { height: 1; width: 1fr; margin-top: 1; }"

    def __init__(self, hints: Sequence[tuple[str, str, str]]) -> None:
        super().__init__()
        self.set_reactive(Widget.auto_links, False)
        self._hints = tuple(hints)

    def render_line(self, y: int) -> Strip:
        pieces: list[Piece] = []
        for sign, title, action in self._hints:
            pieces += [Piece(sign, Role.ACCENT, action), Piece(f" {title}   ", Role.MUTED, action)]
        return draw_line(self, pieces)


class ConfirmDialog(Dialog[bool]):
    """A question that ``y`` or enter answers with true, ``n`` or escape with false."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "accept", "yes"),
        Binding("n", "cancel", "no"),
    ]

    def __init__(self, title: str, question: str, *, yes: str = "yes") -> None:
        """``yes`` says what will be done, in a word or two."""
        super().__init__(title)
        self._question = question
        self._yes = yes

    def body(self) -> ComposeResult:
        yield Static(safe_text(self._question), markup=False)

    def hints(self) -> Sequence[tuple[str, str, str]]:
        return (("y", self._yes, "screen.accept"), ("n", "cancel", "screen.cancel"))

    def action_accept(self) -> None:
        self.dismiss(True)

    def action_cancel(self) -> None:
        self.dismiss(False)


class TextDialog(Dialog[str]):
    """Asks for one line of text; enter gives it back if ``check`` has nothing against it, escape gives ``None``."""

    def __init__(
        self,
        title: str,
        *,
        text: str = "",
        placeholder: str = "",
        is_secret: bool = False,
        check: Callable[[str], str] = lambda _text: "",
    ) -> None:
        """``check`` returns what is wrong with the text, nothing when it will do. ``is_secret`` shows dots."""
        super().__init__(title)
        self._text = text
        self._placeholder = placeholder
        self._is_secret = is_secret
        self._check = check

    def body(self) -> ComposeResult:
        yield Field(self._text, placeholder=self._placeholder, is_secret=self._is_secret)
        yield Static("", classes="dialog-complaint", markup=False)

    def action_accept(self) -> None:
        text = self.query_one(Field).value
        complaint = self._check(text)
        if complaint:
            self.query_one(".dialog-complaint", Static).update(safe_text(complaint))
        else:
            self.dismiss(text)

    def on_input_submitted(self) -> None:
        self.action_accept()


class Blank(NamedTuple):
    """One line of a form: what it is for, what stands in it, and what is asked of it."""

    name: str
    label: str
    text: str = ""
    placeholder: str = ""
    is_secret: bool = False


class FormDialog(Dialog[dict[str, str]]):
    """Asks for several lines of text; enter goes to the next and gives all back from the last, escape ``None``."""

    DEFAULT_CSS = """
    FormDialog .form-label { color: $pandora-muted; }
    FormDialog Field { margin-bottom: 0; }
    """

    def __init__(
        self, title: str, blanks: Sequence[Blank], *, check: Callable[[dict[str, str]], str] = lambda _values: ""
    ) -> None:
        """``check`` returns what is wrong with the values, nothing when they will do."""
        super().__init__(title)
        self._blanks = tuple(blanks)
        self._check = check

    def body(self) -> ComposeResult:
        for number, blank in enumerate(self._blanks):
            yield Static(safe_text(blank.label), classes="form-label", markup=False)
            yield Field(
                blank.text,
                placeholder=blank.placeholder,
                is_secret=blank.is_secret,
                id=f"blank-{number}",
                is_compact=True,
            )
        yield Static("", classes="dialog-complaint", markup=False)

    def hints(self) -> Sequence[tuple[str, str, str]]:
        return (("enter", "next, then ok", "screen.accept"), ("esc", "cancel", "screen.cancel"))

    def action_accept(self) -> None:
        fields = list(self.query(Field))
        values = {blank.name: field.value for blank, field in zip(self._blanks, fields, strict=True)}
        complaint = self._check(values)
        if complaint:
            self.query_one(".dialog-complaint", Static).update(safe_text(complaint))
        else:
            self.dismiss(values)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        fields = list(self.query(Field))
        following = fields[fields.index(cast("Field", event.input)) + 1 :]
        if following:
            following[0].focus()
        else:
            self.action_accept()


class ChoiceDialog(Dialog[int]):
    """Asks for one of a few options; gives back its place in ``options``, ``None`` on escape."""

    def __init__(self, title: str, options: Sequence[str], *, chosen: int = 0) -> None:
        super().__init__(title)
        self._options = tuple(options)
        self._chosen = chosen

    def body(self) -> ComposeResult:
        yield OptionList(*(safe_text(option) for option in self._options), markup=False)

    def on_mount(self) -> None:
        self.query_one(OptionList).highlighted = self._chosen

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_index)

    def action_accept(self) -> None:
        self.query_one(OptionList).action_select()
