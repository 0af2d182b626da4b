"""What the engine finds in simulated companies, with confidence intervals, and how quiet it is where nothing happens.

    python -m tests.benchmarks.bench_scenarios [--seeds 20] [--first-seed 7001] [--chains NAME,…]
    python -m tests.benchmarks.bench_scenarios --quiet [--hosts 200] [--days 5] [--first-seed 7001]

The first runs every chain with every seed in a small company of its own: tempo, noise, hops, clocks and losses are
drawn from the seed. The second replays working days without any attack. Seeds from 7001 on are kept for this: nobody
develops detectors with them. ``--json FILE`` keeps every run's evaluation.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pandora_core import bootstrap
from pandora_core.cli.evaluate import shape_of
from pandora_core.evaluate import Evaluation, measure, read_truth, replay, wilson
from pandora_core.model import Severity
from pandora_core.scenario import Plan, generate
from pandora_core.scenario.plan import NOISES, TEMPOS

CHAINS = ("intrusion", "ransomware", "ssh-bruteforce", "insider", "supply-chain")
FIRST_SEED = 7_001


class Outcome(NamedTuple):
    """One chain with one seed."""

    chain: str
    seed: int
    plan: Plan
    found: Evaluation


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--chains", default=",".join(CHAINS))
    parser.add_argument("--quiet", action="store_true", help="working days without an attack")
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--days", type=float, default=5.0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="one evaluation a line")
    options = parser.parse_args()
    if options.quiet:
        plan = Plan(hosts=options.hosts, days=options.days, seed=options.first_seed, attack=None)
        outcomes = iter([Outcome("quiet", plan.seed, plan, evaluated(plan))])
        report_quiet(list(kept(outcomes, options.json)))
    else:
        seeds = range(options.first_seed, options.first_seed + options.seeds)
        report_chains(list(kept(runs(options.chains.split(","), seeds), options.json)))


def runs(chains: Iterable[str], seeds: Iterable[int]) -> Iterator[Outcome]:
    """Seed by seed, so that a run that is stopped has seen all chains alike."""
    names = list(chains)
    for seed in seeds:
        for chain in names:
            plan = varied(chain, seed)
            started = time.perf_counter()
            outcome = Outcome(chain, seed, plan, evaluated(plan))
            say(outcome, time.perf_counter() - started)
            yield outcome


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


def kept(outcomes: Iterator[Outcome], path: Path | None) -> Iterator[Outcome]:
    for outcome in outcomes:
        if path is not None:
            with path.open("a", encoding="utf-8") as stream:
                row: dict[str, Any] = {"chain": outcome.chain, "seed": outcome.seed, "attack": outcome.plan.attack}
                stream.write(json.dumps(row | {"hosts": outcome.plan.hosts} | shape_of(outcome.found)) + "\n")
        yield outcome


def say(outcome: Outcome, seconds: float) -> None:
    found = outcome.found
    (attack,) = found.attacks
    false = sum(row.false for row in found.severities if row.severity >= Severity.HIGH)
    known = "never" if attack.seconds_to_detect is None else f"{attack.seconds_to_detect / 60:.0f} min"
    state = "in time" if attack.before_last_stage else ("late" if attack.detected_us else "missed")
    print(
        f"{outcome.seed} {outcome.plan.attack:<34} {outcome.plan.hosts:>3} hosts  {state:<8} {known:>8}  "
        f"phases {len(attack.phases_seen)}/{len(attack.phases)}  first 20: {len(found.queue.phases)}  "
        f"high, false: {false}  {seconds:.0f} s",
        flush=True,
    )


def report_chains(outcomes: list[Outcome]) -> None:
    by_chain: defaultdict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_chain[outcome.chain].append(outcome)
    print(
        f"\n{'chain':<16}{'detected':<24}{'before last stage':<24}{'phases seen':<14}{'in first 20':<14}median time"
    )
    for chain, rows in [*by_chain.items(), ("all", outcomes)]:
        attacks = [row.found.attacks[0] for row in rows]
        times = [a.seconds_to_detect for a in attacks if a.seconds_to_detect is not None]
        seen = statistics.median(len(a.phases_seen) / len(a.phases) for a in attacks)
        shown = statistics.median(len(row.found.queue.phases) / len(row.found.all_phases) for row in rows)
        print(
            f"{chain:<16}{share([a.detected_us is not None for a in attacks]):<24}"
            f"{share([a.before_last_stage for a in attacks]):<24}{seen:<14.0%}{shown:<14.0%}"
            f"{f'{statistics.median(times) / 60:.0f} min' if times else 'never'}"
        )


def report_quiet(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        found = outcome.found
        print(f"{found.hosts} hosts, {found.days:.2f} days, {found.events:,} events, seed {outcome.seed}")
        for row in found.severities:
            print(f"{row.severity.word:<14}{row.alerts:>7} alerts  {row.false_per_day:>9.2f} a day")
        high = sum(row.false for row in found.severities if row.severity >= Severity.HIGH)
        print(f"high or critical alerts a day: {high / found.days:.2f} (aim: at most 3)")
        for severity, count in sorted(found.queue.waiting.items(), reverse=True):
            print(f"{severity.word:<14}{count:>7} {found.queue.kind}s  {count / found.days:>9.2f} a day")
        for alert in found.cried_wolf:
            print(f"{alert.risk:5.1f}  {alert.entity}  {alert.title}")
        for part in found.detectors:
            print(f"{part.detector:<28}{part.detections:>7} detections")


def share(outcomes: list[bool]) -> str:
    low, high = wilson(sum(outcomes), len(outcomes))
    return f"{sum(outcomes)}/{len(outcomes)} {sum(outcomes) / len(outcomes):.0%} ({low:.0%}-{high:.0%})"


if __name__ == "__main__":
    main()
