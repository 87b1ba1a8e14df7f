"""The decision point: rules as they run, what they are looked up by, and what those that match come to."""
