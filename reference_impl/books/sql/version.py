"""Which revision of the schema this program keeps books in."""

SCHEMA_VERSION = 18
"""The number of the newest revision in ``migrations/versions``."""
