"""Jobs: what is to be done, on which backend, the queue, the workers and what came of it."""
