"""Typed messages as bytes and back: the interface's JSON for hospitals, the messages themselves for neighbours.

Both codecs take their bounds from the interface's field tables, kept as data in ``fields/``. This room uses the
protocol's messages and the domain's values; it must never decide anything, keep state about business, or use a float
for money.
"""
