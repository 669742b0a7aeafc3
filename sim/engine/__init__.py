"""Virtual time: the timeline, the driver that runs the protocol's coroutines on it, and timers.

It must know nothing of settlement.
"""
