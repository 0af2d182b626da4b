"""The screen: a Textual console that reads the store and holds no truth of its own."""
