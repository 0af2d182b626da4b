"""The commands, one module a noun. Data goes to standard output, messages to standard error."""
