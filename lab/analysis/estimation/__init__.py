"""How sure a simulated figure is: where a warm-up ends, how many replications do, and intervals of one long run.

Everything here is arithmetic over numbers that were drawn elsewhere. It must never read a run or start one.
"""
