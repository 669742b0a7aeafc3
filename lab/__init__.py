"""Experiments over both worlds: runs, measures, gates, the checker, calibration, comparison, curves, reports, the CLI.

The lab may use every other room. It must never import ``loadtest``'s Locust side or gevent: load is always a process
of its own, because importing Locust patches the interpreter it is imported into.
"""
