"""Settings for every test."""

from hypothesis import HealthCheck, settings

# The machines that run this are small and shared: how long an example takes says nothing.
settings.register_profile("default", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")
