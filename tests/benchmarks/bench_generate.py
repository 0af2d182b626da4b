"""How fast a simulated company's lines are made, and in how much memory.

    python -m tests.benchmarks.bench_generate [--hosts 500] [--days 2] [--only logons] [--attack NAME,…] [--lines N]

Lines are made and thrown away; seconds are of the processor, since a machine has other things to do. Each row is a
tenth of the days: memory that grows from row to row would be a leak.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from itertools import islice

from pandora_core.model import DAY_US
from pandora_core.scenario import Plan, stream

_PARTS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=500)
    parser.add_argument("--days", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["logons"])
    parser.add_argument("--attack", help="names with commas between")
    parser.add_argument("--lines", type=int, default=sys.maxsize, help="stop after so many")
    options = parser.parse_args()
    plan = Plan(options.hosts, options.days, options.seed, options.attack, only=options.only)
    measured(plan, options.lines)


def measured(plan: Plan, at_most: int) -> None:
    begun_s = time.process_time()
    lines = logons = labelled = size = part = 0
    headings = ("days", "lines", "log-ons", "of attacks", "MB", "lines/s", "log-ons/s", "RSS MiB")
    print(" ".join(f"{name:>11}" for name in headings))
    at_us = plan.start_us
    for record in islice(stream(plan), at_most):
        lines, at_us = lines + 1, record.at_us
        size += len(record.line) + 1
        labelled += record.truth is not None
        logons += '"EventID":4624' in record.line or ": Accepted " in record.line
        if at_us - plan.start_us >= (part + 1) * plan.days * DAY_US / _PARTS:
            part += 1
            tell(plan, at_us, lines, logons, labelled, size, time.process_time() - begun_s)
    tell(plan, at_us, lines, logons, labelled, size, time.process_time() - begun_s)


def tell(plan: Plan, at_us: int, lines: int, logons: int, labelled: int, size: int, seconds: float) -> None:
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    days, megabytes = (at_us - plan.start_us) / DAY_US, size / 1e6
    cells = f"{days:.2f}", lines, logons, labelled, megabytes, lines / seconds, logons / seconds, resident
    print(" ".join(f"{cell if isinstance(cell, str) else f'{cell:,.0f}':>11}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
