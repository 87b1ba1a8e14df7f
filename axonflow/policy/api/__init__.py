"""The policies of the wire contract: kept as its routes take them, in force as rules of ours."""
