"""A vault on disk: the database and its commits, the safe, and what goes in and out of it as files."""
