"""From a file to typed events: follow it (tail), recognise it (detect), decode it (formats)."""
