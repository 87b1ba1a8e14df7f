"""What data carries along the edges of a plan: where it comes from, whose it is, what is in it, how far to trust it."""
