"""The built-in detectors, one table a category."""
