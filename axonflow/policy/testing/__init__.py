"""Tests of policies: scenarios, what they cover, and whether they would notice a policy that says something else."""
