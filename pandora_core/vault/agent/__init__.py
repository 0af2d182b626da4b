"""The vault agent: the process that owns an open vault, its protocol, and its clients."""
