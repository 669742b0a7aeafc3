"""Minutes of real processes under load to which everything happens by a seed, and both checkers afterwards."""
