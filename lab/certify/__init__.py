"""Conformance of a system that hospitals send to: what is promised, asked of it, and what it keeps of it."""
