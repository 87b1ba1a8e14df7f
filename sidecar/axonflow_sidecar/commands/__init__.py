"""What the sidecar adds to the command line."""
