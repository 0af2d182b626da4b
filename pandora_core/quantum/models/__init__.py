"""Quantum models as plain numbers: statevectors, feature maps, kernels and classifiers in NumPy alone."""
