"""What a run writes: the tables and their columns, the closed list of fates, the recorder and the reader."""
