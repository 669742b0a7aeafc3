"""The real world: hospitals as Locust users that replay the scenario's visits against the reference system.

``python -m loadtest RUN_DIR`` is always a process of its own, because Locust patches the standard library when it is
imported, or ``locust -f loadtest/locustfile.py``, which is one anyway. So this package must stay empty of imports:
what the laboratory imports of it (``actions``, ``links``, ``lags``, ``validity``, ``asked``, ``exits``) never imports
Locust or gevent; ``gevent_ports``, ``client``, ``schedule``, ``run``, ``session`` and the rest belong to that process.
It uses ``scenarios`` and ``reference_impl``. It must never import ``sim`` or ``lab``, and never decide anything about a
settlement: that is the protocol's.
"""
