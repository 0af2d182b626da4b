"""Owns what of a vault's secrets is on screen right now, and that it goes again by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pandora_tui.stories.vault import Showing

if TYPE_CHECKING:
    from pandora_core.vault.crypto.secret import Secret
    from pandora_core.vault.crypto.totp import Recipe

VALUES_S = 10.0
CODES_S = 60.0

NOTHING = Showing()


class Reveal:
    """Values for ten seconds, or one-time codes for a minute; one at a time.

    A value on screen is Python text, which cannot be wiped; a seed stays a secret, only its codes are text.
    """

    def __init__(
        self, monotonic_s: Callable[[], float] = time.monotonic, clock_s: Callable[[], float] = time.time
    ) -> None:
        self.showing = NOTHING
        self._monotonic_s, self._clock_s = monotonic_s, clock_s
        self._ends_s = 0.0
        self._totp: tuple[Recipe, Secret] | None = None

    def values(self, values: dict[str, str]) -> None:
        """Show values by field."""
        self.hide()
        self._ends_s = self._monotonic_s() + VALUES_S
        self.showing = Showing(values, None, VALUES_S)

    def codes(self, recipe: Recipe, seed: Secret) -> None:
        """Show one-time codes; the seed is wiped when they go."""
        self.hide()
        self._ends_s = self._monotonic_s() + CODES_S
        self._totp = recipe, seed
        self.tick()

    def hide(self) -> None:
        """Show nothing secret any more."""
        if self._totp is not None:
            self._totp[1].wipe()
        self._totp = None
        self.showing = NOTHING

    def tick(self) -> None:
        """Count down; at the end it hides."""
        left_s = self._ends_s - self._monotonic_s()
        if left_s <= 0:
            self.hide()
        elif self._totp is not None:
            recipe, seed = self._totp
            self.showing = Showing({}, recipe.code(seed, self._clock_s()), left_s)
        elif self.showing is not NOTHING:
            self.showing = self.showing._replace(seconds_left=left_s)
