"""What a flow's features are called, and when a model calls too much of a network an attack."""

from __future__ import annotations

import math

import pytest

from pandora_core.learn.data.feature_words import said_of
from pandora_core.learn.data.flows import FLOW, WORDS
from pandora_core.learn.scoring.guard import BUCKET_FLOWS, Guard


@pytest.mark.parametrize("feature", FLOW.numbers)
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0, 12_345.6, math.nan])
def test_every_number_has_words(feature, value):
    said = said_of(feature, value)
    assert said
    assert "nan" not in said
    assert ("not known" in said) == math.isnan(value)


@pytest.mark.parametrize(("feature", "word"), zip(FLOW.categories, [words[0] for words in WORDS], strict=True))
def test_every_category_has_words(feature, word):
    assert word in said_of(feature, word)


def test_the_words_say_what_is_meant():
    assert said_of("recent_ports", 0.96) == "96 different ports in 100 flows of the source"
    assert said_of("destination_share", 0.0) == "0 % of its bytes came back"
    assert said_of("source_bytes", 4200.0) == "4.2 kB sent"


def flooded(flows: int, hits: int, sources: int, suspects: int) -> Guard:
    guard = Guard()
    names = [f"10.0.0.{number % sources}" for number in range(flows)]
    guard.add(names, [f"10.0.0.{number % suspects}" for number in range(hits)] if suspects else [])
    return guard


def test_a_model_that_accuses_most_of_a_network_is_wrong_about_it():
    guard = flooded(BUCKET_FLOWS, 500, sources=20, suspects=20)
    assert guard.is_flooded()
    assert guard.told == "50% of 1,000 flows, of 20 of 20 sources, were above"


@pytest.mark.parametrize(
    ("flows", "hits", "sources", "suspects"),
    [
        (BUCKET_FLOWS, 900, 20, 2),
        (BUCKET_FLOWS, 100, 20, 20),
        (BUCKET_FLOWS, 900, 3, 3),
        (BUCKET_FLOWS, 0, 20, 0),
    ],
    ids=["one host scans", "a usual share", "too few hosts to tell", "nothing"],
)
def test_otherwise_it_is_believed(flows, hits, sources, suspects):
    assert not flooded(flows, hits, sources, suspects).is_flooded()
