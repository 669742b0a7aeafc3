"""A node's durable memory: in dicts for the simulated world, in SQLite or PostgreSQL for the real one, by one contract.

The contract, beyond ``reference_impl.protocol.ports.Books``:

- A change is judged in one order: first the key (``AlreadyThere``), then the versions (``Stale``), then it is written.
- A reversal's mark is never cleared, and the first mark stands.
- Claims and postings are only ever appended.

The room uses the protocol's messages and must never decide business, and never learn who calls or over what wire.
"""
