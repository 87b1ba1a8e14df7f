"""What policies say, as formulas, and requests that satisfy them. Pure."""
