"""What needs Qiskit to be written down: circuits of models, plans and walks, and their transpilation."""
