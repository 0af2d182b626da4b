"""Owns the opening of the console on a data folder: the terminal checked, the engine started, both left in order."""

from __future__ import annotations

import os
import threading

from pandora_core import __version__
from pandora_core.config import Settings
from pandora_tui.app import PandoraApp, run_console
from pandora_tui.desks.bridge import Pace
from pandora_tui.desks.engine_starter import EngineStarter
from pandora_tui.desks.feed import Feed
from pandora_tui.terminal import check_terminal, is_tty


def open_console(settings: Settings, *, own_engine: bool = False, seconds: float | None = None) -> int:
    """Run the console until it is left, or for some seconds; returns the exit code.

    An engine is started where none runs, after the first paint. It outlives the console unless it is to be its own.

    Raises:
        ConfigError: there is no terminal that will do.
        EngineError: the console's own engine does not stop.
    """
    check_terminal(os.environ, is_tty=is_tty())
    starter = EngineStarter(settings.data)
    period_s = 1 / settings.refresh_hz
    app = PandoraApp(
        settings.data,
        feed=Feed(settings.data, starter=starter),
        version=__version__,
        theme=settings.theme,
        pace=Pace(busy_s=period_s, idle_s=period_s),
    )
    end = threading.Timer(seconds, app.stop_from_signal, [0]) if seconds is not None else None
    if end is not None:
        end.daemon = True
        end.start()
    try:
        return run_console(app)
    finally:
        if end is not None:
            end.cancel()
        if own_engine:
            starter.stop_own()
