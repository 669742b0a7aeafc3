"""Questions and the runs that answer them: one run, replications, a pair of worlds, a curve, and their folders.

It may use ``worlds``, ``analysis``, ``checker`` and ``report``. It must never print: it tells a watcher.
"""
