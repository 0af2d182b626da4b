"""From a table to a model: preparation, members, training, search, and what is found out about the result."""
