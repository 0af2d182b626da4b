"""The ways from the screens to everything else: the store, the engine, the vault, models, and long work."""
