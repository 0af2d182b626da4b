"""IBM Quantum: the client process, its requests, and the care that no job is lost or run twice there."""
