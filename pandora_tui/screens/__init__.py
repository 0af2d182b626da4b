"""The nine places of the console, one module each, imported on the first visit."""
