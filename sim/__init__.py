"""The simulated world: the settlement protocol itself, on virtual time.

The workflows of ``reference_impl.protocol`` run here unchanged; this room gives them a clock, links, stations, books
and faults, on SimPy. It may use ``reference_impl`` and ``scenarios``, never ``loadtest`` or ``lab``. It must never hold
a rule of the settlement: a model of the protocol beside the protocol would drift from it.
"""
