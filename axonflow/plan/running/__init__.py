"""How one plan runs: events in, commands out, states in a table."""
