"""Settings for every test."""

from hypothesis import HealthCheck, settings

# The machines that run this are small and shared: how long an example takes says nothing.
settings.register_profile(
    # Each run has a seed of its own, so fewer examples a run are as many in a week, and CI keeps within its time.
    "default", deadline=None, max_examples=30, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)  # fmt: skip
settings.load_profile("default")
