"""What the engine finds in simulated companies, with confidence intervals, and how quiet it is where nothing happens.

    python -m tests.benchmarks.bench_scenarios [--seeds 20] [--first-seed 9101] [--chains NAME,…] [--json FILE]
    python -m tests.benchmarks.bench_scenarios --quiet [--hosts 200] [--days 5] [--first-seed 9201] [--json FILE]

The first runs every chain with every seed in a small company of its own: tempo, noise, hops, clocks and losses are
drawn from the seed. The second replays working days without any attack. Seeds from 9100 on are kept for this: nobody
develops detectors with them. ``--json FILE`` keeps every run on a line of its own; runs that it has, of the same
version of the detectors, are not done again, so that a campaign can be stopped and goes on where it was.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pandora_core import bootstrap
from pandora_core.cli.evaluate import shape_of
from pandora_core.detect.pipeline import Pipeline
from pandora_core.evaluate import Evaluation, measure, read_truth, replay, wilson
from pandora_core.model import Severity
from pandora_core.scenario import Plan, generate
from pandora_core.scenario.plan import NOISES, TEMPOS

CHAINS = ("intrusion", "ransomware", "ssh-bruteforce", "insider", "supply-chain")
QUIET = "quiet"
FIRST_SEED = 9_101


class Outcome(msgspec.Struct):
    """One run: a chain, or working days, with one seed. ``seconds`` is how long it took."""

    chain: str
    seed: int
    version: str
    attack: str
    hosts: int
    days: float
    events: int
    is_detected: bool
    is_in_time: bool
    seconds_to_detect: float | None
    phases: int
    phases_seen: int
    phases_shown: int
    place: int | None
    """Where in the queue the first thing stands that is true of the attack."""
    false: dict[str, int]
    """Alerts that are not true, by severity."""
    wolves: list[str]
    """Those of severity high and critical, in words."""
    seconds: float
    evaluation: dict[str, Any]

    @property
    def false_high(self) -> int:
        return sum(self.false[severity.word] for severity in (Severity.HIGH, Severity.CRITICAL))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--chains", default=",".join(CHAINS))
    parser.add_argument("--quiet", action="store_true", help="working days without an attack")
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--days", type=float, default=5.0)
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="one run a line; those that are there are not repeated"
    )
    options = parser.parse_args()
    done = kept(options.json)
    if options.quiet:
        plan = Plan(hosts=options.hosts, days=options.days, seed=options.first_seed, attack=None)
        report_quiet(known_or_run(QUIET, plan, done, options.json))
    else:
        seeds = range(options.first_seed, options.first_seed + options.seeds)
        report_chains(list(runs(options.chains.split(","), seeds, done, options.json)))


Done = dict[tuple[str, int, str, int], Outcome]


def kept(path: Path | None) -> Done:
    """The runs that a file has, by what makes them the same run."""
    if path is None or not path.exists():
        return {}
    outcomes = [msgspec.json.decode(line, type=Outcome) for line in path.read_bytes().splitlines()]
    return {(row.chain, row.seed, row.attack, row.hosts): row for row in outcomes if row.version == Pipeline.VERSION}


def runs(chains: Sequence[str], seeds: Sequence[int], done: Done, path: Path | None) -> Iterator[Outcome]:
    """Seed by seed, so that a campaign that is stopped has seen all chains alike."""
    total = len(chains) * len(seeds)
    for number, (seed, chain) in enumerate(((seed, chain) for seed in seeds for chain in chains), 1):
        outcome = known_or_run(chain, varied(chain, seed), done, path)
        print(f"{number:>3}/{total}  {sentence(outcome)}", flush=True)
        yield outcome


def known_or_run(chain: str, plan: Plan, done: Done, path: Path | None) -> Outcome:
    """A run that is kept, or is done now and kept."""
    known = done.get((chain, plan.seed, plan.attack or "", plan.hosts))
    if known is not None and known.days == plan.days:
        return known
    started = time.perf_counter()
    outcome = outcome_of(chain, plan, evaluated(plan))
    outcome.seconds = round(time.perf_counter() - started, 1)
    if path is not None:
        with path.open("ab") as stream:
            stream.write(msgspec.json.encode(outcome) + b"\n")
    return outcome


def varied(chain: str, seed: int) -> Plan:
    """A small company and its attack, everything about them drawn from the seed."""
    dice = random.Random(f"bench/{chain}/{seed}")
    words = [dice.choice(list(TEMPOS)), dice.choice(list(NOISES)), str(dice.randint(2, 5))]
    return Plan(
        hosts=dice.randint(10, 20),
        days=2.0,
        quiet_days=1.0,
        seed=seed,
        attack=":".join([chain, *words]),
        skew_s=dice.choice((0.0, 0.0, 2.0, 30.0)),
        loss=dice.choice((0.0, 0.0, 0.01)),
        disorder=dice.choice((0.0, 0.0, 0.02)),
        late_s=120.0,
        zeek_json=dice.random() < 0.5,
        zones_h=dice.choice(((0.0,), (1.0,), (-5.0, 0.0))),
    )


def evaluated(plan: Plan) -> Evaluation:
    """Generates a plan's logs, replays them, and throws both away."""
    with tempfile.TemporaryDirectory(prefix="pandora-bench-") as folder:
        logs, data = Path(folder) / "logs", Path(folder) / "data"
        data.mkdir(mode=0o700)
        generate(plan, logs)
        truth = read_truth(logs / "truth.ndjson")
        return measure(replay(logs, truth, data, bootstrap.now_us), truth)


def outcome_of(chain: str, plan: Plan, found: Evaluation) -> Outcome:
    """What of an evaluation the reports say; the evaluation itself is kept beside it."""
    attack = found.attacks[0] if found.attacks else None
    return Outcome(
        chain=chain,
        seed=plan.seed,
        version=Pipeline.VERSION,
        attack=plan.attack or "",
        hosts=plan.hosts,
        days=plan.days,
        events=found.events,
        is_detected=attack is not None and attack.detected_us is not None,
        is_in_time=attack is not None and attack.before_last_stage,
        seconds_to_detect=attack.seconds_to_detect if attack else None,
        phases=len(found.all_phases),
        phases_seen=len(attack.phases_seen) if attack else 0,
        phases_shown=len(found.queue.phases),
        place=found.queue.first_true,
        false={row.severity.word: row.false for row in found.severities},
        wolves=[f"{alert.risk:.0f} {alert.entity} {alert.title}" for alert in found.cried_wolf],
        seconds=0.0,
        evaluation=shape_of(found),
    )


def sentence(outcome: Outcome) -> str:
    seconds = outcome.seconds_to_detect
    known = "never" if seconds is None else f"{seconds / 60:.0f} min"
    state = "in time" if outcome.is_in_time else ("late" if outcome.is_detected else "missed")
    return (
        f"{outcome.seed} {outcome.attack:<34} {outcome.hosts:>3} hosts  {state:<8} {known:>8}  "
        f"phases {outcome.phases_seen}/{outcome.phases}  first 20: {outcome.phases_shown}, from place "
        f"{outcome.place or '-'}  high, false: {outcome.false_high}  {outcome.seconds:.0f} s"
    )


def report_chains(outcomes: list[Outcome]) -> None:
    by_chain: defaultdict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_chain[outcome.chain].append(outcome)
    print(
        f"\n{'chain':<16}{'detected':<24}{'before last stage':<24}{'phases seen':<13}{'in first 20':<13}{'place':<7}"
        f"{'median time':<13}high, false, a day"
    )
    for chain, rows in [*by_chain.items(), ("all", outcomes)]:
        print(
            f"{chain:<16}{share(row.is_detected for row in rows):<24}{share(row.is_in_time for row in rows):<24}"
            f"{statistics.median(row.phases_seen / row.phases for row in rows):<13.0%}"
            f"{statistics.median(row.phases_shown / row.phases for row in rows):<13.0%}"
            f"{median(row.place for row in rows):<7}"
            f"{median(in_minutes(row.seconds_to_detect) for row in rows) + ' min':<13}"
            f"{sum(row.false_high for row in rows) / sum(row.days for row in rows):.2f}"
        )


def report_quiet(outcome: Outcome) -> None:
    days = outcome.evaluation["days"]
    print(f"{outcome.hosts} hosts, {days:.2f} days, {outcome.events:,} events, seed {outcome.seed}")
    for severity, count in outcome.false.items():
        print(f"{severity:<14}{count:>7} alerts  {count / days:>9.2f} a day")
    print(f"high or critical alerts a day: {outcome.false_high / days:.2f} (aim: at most 3)")
    for severity, count in outcome.evaluation["queue"]["waiting"].items():
        print(f"{severity:<14}{count:>7} {outcome.evaluation['queue']['kind']}s  {count / days:>9.2f} a day")
    print("\n".join(outcome.wolves))
    for part in outcome.evaluation["detectors"]:
        print(f"{part['detector']:<28}{part['detections']:>7} detections")
    print(f"{outcome.seconds:.0f} s")


def share(outcomes: Iterable[bool]) -> str:
    listed = list(outcomes)
    low, high = wilson(sum(listed), len(listed))
    return f"{sum(listed)}/{len(listed)} {sum(listed) / len(listed):.0%} ({low:.0%}-{high:.0%})"


def median(values: Iterable[float | None]) -> str:
    """The middle of what is known."""
    known = [value for value in values if value is not None]
    return f"{statistics.median(known):.0f}" if known else "-"


def in_minutes(seconds: float | None) -> float | None:
    return None if seconds is None else seconds / 60


if __name__ == "__main__":
    main()
