"""The one store: SQLite in WAL mode, the only channel between engine and faces."""
