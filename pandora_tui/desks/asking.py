"""Owns questions of which only the newest matters: the row under a cursor that moves faster than answers come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

Key = TypeVar("Key")
Answer = TypeVar("Answer")
Ask = Callable[[Callable[[], Any], Callable[[Any], None], Callable[[Exception], None]], None]
"""Runs work elsewhere and calls one of two functions back: :meth:`pandora_tui.screens.base.PandoraScreen.ask`."""


class Newest(Generic[Key, Answer]):
    """Asks ``question(key)`` one at a time; of the keys that come meanwhile only the last is asked."""

    def __init__(
        self,
        ask: Ask,
        question: Callable[[Key], Answer],
        show: Callable[[Key, Answer], None],
        failed: Callable[[Key, Exception], None],
    ) -> None:
        self._ask, self._question, self._show, self._failed = ask, question, show, failed
        self._wanted: Key | None = None
        self._is_busy = False

    def want(self, key: Key | None) -> None:
        """Ask for ``key`` next; with ``None`` what is under way is no longer wanted."""
        self._wanted = key
        if not self._is_busy:
            self._next()

    def _next(self) -> None:
        key = self._wanted
        if key is None:
            return
        self._is_busy = True
        self._ask(
            lambda: self._question(key),
            lambda answer: self._answered(key, lambda: self._show(key, answer)),
            lambda error: self._answered(key, lambda: self._failed(key, error)),
        )

    def _answered(self, key: Key, tell: Callable[[], None]) -> None:
        self._is_busy = False
        if self._wanted == key:
            self._wanted = None
            tell()
        else:
            self._next()
