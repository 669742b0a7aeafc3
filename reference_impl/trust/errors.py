"""What is wrong with keys and certificates that somebody was handed."""

from __future__ import annotations

from reference_impl.domain.failures import InputError

__all__ = ["TrustError"]


class TrustError(InputError):
    """A file of keys, tokens or certificates that cannot be used; its text never holds a secret."""
