"""The network graph for the console, made in a process of its own."""
