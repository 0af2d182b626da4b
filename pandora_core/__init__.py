"""Pandora's core: reads logs, scores them, keeps what it learnt. Knows no screen."""

__version__ = "0.1.0"
