"""Owns the quantum tier: feature maps, kernels, models and plans as plain numbers, and their circuits.

Only the modules that a worker loads import qiskit; the console imports none of this at its start.
"""
