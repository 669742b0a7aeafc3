"""The real world: hospitals as Locust users that replay the scenario's visits against the reference system.

``python -m loadtest RUN_DIR`` is always a process of its own, because Locust patches the standard library when it is
imported. So this package must stay empty of imports: ``faults``, ``links``, ``honesty`` and ``proxy`` are safe to
import anywhere; ``gevent_ports``, ``client``, ``schedule``, ``users`` and ``run`` belong to that process alone.
It uses ``scenarios`` and ``reference_impl``. It must never import ``sim`` or ``lab``, and never decide anything about a
settlement: that is the protocol's.
"""
