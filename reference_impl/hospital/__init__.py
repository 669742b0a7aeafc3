"""The client's half of the protocol: a patient's way through a hospital, each message asked until it has a verdict.

Workflows over ports, like ``protocol``, which it may use together with ``domain`` and ``scenarios``. It must never name
a clock, a socket or an event loop, and never look into a node's books.
"""
