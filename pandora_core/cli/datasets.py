"""The command ``pandora datasets``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pandora_core.cli.output import emit, json_option, table

if TYPE_CHECKING:  # imported when a command runs: help needs no scikit-learn
    from pandora_core.learn.data.profile import Profile
    from pandora_core.learn.data.tabular import Columns


@click.group()
def datasets() -> None:
    """Labelled data to learn from: what it is, and what to beware of in it."""


@datasets.command("import")
@click.argument("what", metavar="PATH")
@click.option("--name", default="", help="What to call it (default: the file's name).")
@click.option("--licence", default="not stated", help="What one may do with it.")
@click.option("--sensitive", is_flag=True, help="It may name people or hosts.")
@click.option("--layout", default="auto", show_default=True, help="nsl-kdd, unsw-nb15, flows, csv, ndjson, scenario.")
@click.option("--label", default="", metavar="COLUMN", help="The label's column, of any CSV or NDJSON.")
@click.option("--time", default="", metavar="COLUMN", help="The column with the time.")
@click.option("--ignore", multiple=True, metavar="COLUMN", help="A column not to learn from; several.")
@click.option("--text", multiple=True, metavar="COLUMN", help="A column with messages; several.")
@click.option("--entity", default="", metavar="COLUMN", help="Whose past becomes columns (with --time).")
@click.option("--temporal", is_flag=True, help="The time of day becomes columns (with --time).")
@json_option
@click.pass_obj
def import_(data: Path | None, /, what: str, as_json: bool, **given: Any) -> None:
    """Profile labelled data and remember it. PATH is a file, a folder of the simulator, or the word verdicts.

    The file stays where it is; its hash is kept, and a changed one is refused later.
    """
    from pandora_core import bootstrap
    from pandora_core.learn.data.profile import About
    from pandora_core.learn.versions.registry import Registry
    from pandora_core.learn.versions.work import take_in

    loaded = load_of(data, what, **given)
    source = what if what == "verdicts" else str(Path(what).resolve())
    name = given["name"] or Path(what).stem
    about = About(name, source, given["licence"], given["sensitive"], bootstrap.now_us(), columns_of(given))
    row = take_in(Registry(bootstrap.settings_of(data).data), loaded, about)
    emit(shape_of(row), as_json, lambda: _text(row))


@datasets.command("list")
@json_option
@click.pass_obj
def list_(data: Path | None, as_json: bool) -> None:
    """What was imported."""
    rows = _registry(data).datasets()
    headings = ("id", "name", "features", "rows", "attacks", "types", "beware of")
    cells = [
        (row.id, row.name, row.schema, f"{row.rows:,}", f"{row.attacks:,}", len(row.types), len(row.warnings))
        for row in rows
    ]
    shape = {"items": [shape_of(row, whole=False) for row in rows], "next": None}
    emit(shape, as_json, lambda: table(headings, cells, empty="nothing yet: pandora datasets import FILE"))


@datasets.command()
@click.argument("name")
@json_option
@click.pass_obj
def show(data: Path | None, name: str, as_json: bool) -> None:
    """One data set, by its id or name, with its columns."""
    from pandora_core.errors import NotFoundError

    found = [row for row in _registry(data).datasets() if name in (row.id, row.name)]
    if not found:
        raise NotFoundError(f"no data set {name!r}", hint="pandora datasets list")
    emit(shape_of(found[-1]), as_json, lambda: _text(found[-1]))


def load_of(data: Path | None, what: str, *, layout: str = "auto", **given: Any) -> Any:
    """Labelled data by path, by the name it was imported under, or the operators' ``verdicts``."""
    from pandora_core import bootstrap
    from pandora_core.learn.data.datasets import load_verdicts
    from pandora_core.learn.versions.work import find

    if what == "verdicts":
        with bootstrap.reading(data) as reader:
            return load_verdicts(reader)
    return find(_registry(data), what, layout, columns_of(given) if given else None)


def columns_of(given: dict[str, Any]) -> Columns:
    """What the options say of the columns."""
    from pandora_core.learn.data.tabular import Columns

    return Columns(given["label"], given["time"], given["ignore"], given["text"], given["entity"], given["temporal"])


def shape_of(row: Profile, *, whole: bool = True) -> dict[str, Any]:
    """A data set as every face speaks of it."""
    import msgspec

    from pandora_core.model import iso

    shape: dict[str, Any] = msgspec.to_builtins(row)
    shape["imported_at"] = iso(shape.pop("imported_at_us"))
    shape["meaning"] = row.meaning._asdict()
    if not whole:
        del shape["columns"]
    return shape


def _registry(data: Path | None) -> Any:
    from pandora_core import bootstrap
    from pandora_core.learn.versions.registry import Registry

    return Registry(bootstrap.settings_of(data).data)


def _text(row: Profile) -> str:
    facts = [
        ("id", row.id),
        ("features", f"{row.schema} ({row.layout})"),
        ("rows", f"{row.rows:,}, of them {row.attacks:,} attacks; {row.left_out:,} left out"),
        ("types", ", ".join(f"{name} {count:,}" for name, count in sorted(row.types.items(), key=lambda x: -x[1]))),
        ("time", f"{row.first_at} to {row.last_at}" if row.first_at else "none"),
        ("source", f"{row.source}; licence: {row.licence}; {'sensitive' if row.is_sensitive else 'not sensitive'}"),
        ("sha256", row.sha256),
        *(("beware", warning) for warning in row.warnings),
    ]
    return "\n".join(f"{name:<9} {value}" for name, value in facts)
