"""The settlement protocol, written once: workflows over ports, run by SimPy, asyncio and gevent alike.

May use ``reference_impl.domain`` and ``scenarios``. Must never name a clock, a socket, a database or an event loop, and
never import the rooms that run it.

Read ``messages``, ``messages`` and ``ports`` first; then a message's way: ``journey`` and ``asking`` (hospital),
``province`` with ``care`` and ``insured``, ``forwarder``, ``hub``; ``door`` for planned stops.
"""
