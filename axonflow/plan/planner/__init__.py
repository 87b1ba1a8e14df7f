"""From a question to a plan: the catalogue, what a model is told, and what is made of what it writes."""
