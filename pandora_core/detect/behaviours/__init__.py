"""The behaviours: detectors that remember, each with what it sees and its blind spots."""
