"""The one codec between typed messages in whole fen and the interface's JSON.

It is made from the interface's field tables, kept as data in ``fields/``. It uses the protocol's messages and the
domain's values; it must never decide anything, keep state about business, or use a float for money.
"""
