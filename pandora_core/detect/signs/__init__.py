"""What an intruder's work on a host looks like, one event at a time: the shapes, one line each."""
