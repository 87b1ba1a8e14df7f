"""Cedar policies: read, printed, and turned into rules. Source: docs.cedarpolicy.com, the grammar and the operators."""
