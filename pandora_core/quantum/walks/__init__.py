"""Quantum walks on graphs, computed exactly, beside the classical walk on the same graph."""
