"""Owns what a feature of a flow is called in a sentence, with its value."""

from __future__ import annotations

import math

from pandora_core.detect.words import amount, size

_SHARES = {
    "destination_share": "{} of its bytes came back",
    "recent_failed": "{} of the source's last flows failed",
    "recent_same_destination": "{} of the source's last flows went to this destination",
    "recent_same_service": "{} of the source's last flows were to this service",
}
_VARIETIES = {
    "recent_destinations": "{} different destinations in 100 flows of the source",
    "recent_ports": "{} different ports in 100 flows of the source",
}
_SIZES = {
    "source_bytes": "{} sent",
    "destination_bytes": "{} received",
    "bytes_per_packet": "{} a packet",
    "bytes_per_s": "{} a second",
}
_KINDS = {"transport": "over {}", "service": "service {}", "outcome": "outcome {}", "port_class": "port class {}"}


def said_of(feature: str, value: float | str) -> str:
    """A feature and its value in words.

    >>> said_of("recent_failed", 0.97)
    "97 % of the source's last flows failed"
    """
    if isinstance(value, str):
        return _KINDS.get(feature, feature + " {}").format(value)
    if math.isnan(value):
        return f"{feature.replace('_', ' ')} not known"
    if feature in _SHARES:
        return _SHARES[feature].format(f"{value:.0%}".replace("%", " %"))
    if feature in _VARIETIES:
        return _VARIETIES[feature].format(f"{100 * value:.0f}")
    if feature in _SIZES:
        return _SIZES[feature].format(size(value))
    if feature == "duration_s":
        return f"took {value:.3g} s"
    if feature == "packets":
        return amount(round(value), "packet")
    if feature == "packets_per_s":
        return f"{value:,.3g} packets a second"
    return f"{feature.replace('_', ' ')} {value:.3g}"
