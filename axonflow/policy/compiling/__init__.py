"""From documents, or from the rows of signed bundles, to one engine of all scopes that are in force together."""
