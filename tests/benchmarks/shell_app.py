"""Owns the console without a store: what ``bench_start`` starts when no other command is given."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from pandora_tui.app import PandoraApp, run_console

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(run_console(PandoraApp(Path(folder), version="bench")))
