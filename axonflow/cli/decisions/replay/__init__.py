"""`axonflow replay`: what policies decide on requests that were recorded, and whether that is what was expected."""
