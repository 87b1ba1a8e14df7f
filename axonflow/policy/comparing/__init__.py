"""What the difference between two sets of policies does: which requests get another verdict."""
