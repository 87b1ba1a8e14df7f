"""Plans as they are kept: what was asked for, how that was changed, and what came of it."""
