"""Owns the console that :mod:`tests.benchmarks.bench_network` runs: the Network screen on the store of a folder."""

from __future__ import annotations

import sys
from pathlib import Path

from pandora_tui.app import PandoraApp, run_console
from pandora_tui.desks.feed import Feed

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    app = PandoraApp(folder, feed=Feed(folder), version="0", theme="dark", place="network")
    sys.exit(run_console(app))
