"""The age file format, version 1: reading, writing, keys, armour and errors."""
