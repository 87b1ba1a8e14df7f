"""Functions beside those of the standard, one module for each family."""
