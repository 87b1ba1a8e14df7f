"""Policies of others, turned into policy sets: what cannot be carried over is named and never loosened."""
