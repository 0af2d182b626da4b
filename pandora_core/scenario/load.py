"""Owns a large conn.log made as fast as a disk takes it: load for benchmarks, without a company behind it."""

from __future__ import annotations

from pathlib import Path

from pandora_core.scenario.dice import Dice
from pandora_core.scenario.plan import MONDAY_US
from pandora_core.scenario.writers.zeek_schema import closing, opening

_CHUNK_LINES = 10_000
_CLIENTS, _SERVERS, _SHAPES = 400, 3_000, 4_096
_MEAN_GAP_US = 86_000


def write_conn_load(path: Path, lines: int, seed: int) -> None:
    """Writes a Zeek conn.log of ``lines`` connections in order of time: 400 clients, 3,000 servers, 12 a second."""
    dice = Dice.of(seed, "load")
    clients = [f"10.20.{16 + number // 200}.{10 + number % 200}" for number in range(_CLIENTS)]
    ends = [_end(dice) for _ in range(_SHAPES)]
    at_us = MONDAY_US
    with path.open("w", encoding="ascii", newline="\n") as log:
        log.write("\n".join(opening("conn", at_us)) + "\n")
        for first in range(0, lines, _CHUNK_LINES):
            rows = []
            for number in range(first, min(lines, first + _CHUNK_LINES)):
                bits = dice.getrandbits(60)
                at_us += bits % (2 * _MEAN_GAP_US)
                rows.append(
                    f"{at_us // 1_000_000}.{at_us % 1_000_000:06d}\tC{bits:015x}{number:x}\t"
                    f"{clients[bits % _CLIENTS]}\t{32_768 + (bits >> 20 & 0x7FFF)}\t{ends[bits >> 40 & 4095]}\n"
                )
            log.writelines(rows)
        log.write(closing(at_us) + "\n")


def _end(dice: Dice) -> str:
    """A server and what a connection to it is like: everything after the client's port."""
    server = dice.whole(0, _SERVERS - 1)
    ip = f"198.18.{server >> 8}.{server & 255}"
    kind = dice.random()
    if kind < 0.06:
        return f"{ip}\t{dice.whole(1, 9_999)}\ttcp\t-\t-\t-\t-\tS0\tT\tF\t0\tS\t1\t52\t0\t0\t-"
    if kind < 0.35:
        sent, received, lasts_s = dice.whole(30, 70), dice.whole(46, 300), dice.random() / 10
        sizes = f"1\t{sent + 28}\t1\t{received + 28}"
        return f"{ip}\t53\tudp\tdns\t{lasts_s:.6f}\t{sent}\t{received}\tSF\tT\tF\t0\tDd\t{sizes}\t-"
    sent, received, lasts_s = dice.size(900), dice.size(24_000, 1.4), 90 * dice.random()
    packets, back_packets = 6 + sent // 1_448, 6 + received // 1_448
    sizes = f"{packets}\t{sent + 52 * packets}\t{back_packets}\t{received + 52 * back_packets}"
    return f"{ip}\t443\ttcp\tssl\t{lasts_s:.6f}\t{sent}\t{received}\tSF\tT\tF\t0\tShADadFf\t{sizes}\t-"
