"""How slow a decision can get: what rules may cost at worst, counted in units that are the same on every machine."""
