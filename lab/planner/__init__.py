"""A better plan for a planned stop: what may be changed, what it harms, the search, the front and the run book."""
