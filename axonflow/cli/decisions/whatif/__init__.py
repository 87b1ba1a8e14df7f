"""`axonflow whatif`: what other policies would have decided on what was recorded."""
