"""Plans over HTTP: what can be made, and the runs of what was made."""
