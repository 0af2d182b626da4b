"""Plans as QUBOs: exact, annealed and by QAOA, side by side."""
