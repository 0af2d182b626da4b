"""Owns who does what when, on an ordinary day: every behaviour is a stream of bursts in order of their time."""
