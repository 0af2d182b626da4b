"""Pure judgement: what events mean. No clock, file or randomness in here; time is the events' own."""
