"""Pure decisions of settlement: money, regions, fees, benefit, ledger, lifecycle, idempotency, errors.

State and facts in, a decision out. It imports nothing of ours, reads no clock and draws no random number.
"""
