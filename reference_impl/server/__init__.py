"""The reference system's processes: HTTP, the asyncio ports, operators' commands, and the supervisor that starts them.

``python -m reference_impl.server CONFIG.json`` is one host process and serves one or more nodes. The room uses the
protocol, the wire and the books; it must never decide what a message means, and the supervisor must never load what
only a host process needs.
"""
