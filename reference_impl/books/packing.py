"""What an entry of the trail tells, packed: messages of one commit are much alike and come to a seventh (LZ4).

The chain is over what is told and not over how it is kept, so entries packed and plain make one chain, and either is
read everywhere: those of a server are plain, for it makes them itself and packs what is long in its own way; those of a
file are packed since there are such entries.
"""

from __future__ import annotations

from typing import Any

import lz4.frame  # pyright: ignore[reportMissingTypeStubs] - it brings none

__all__ = ["LONGEST_BYTES", "packed", "unpacked"]

_MAGIC = (0x184D2204).to_bytes(4, "little")
"""What a frame begins with (LZ4 frame format); what an entry tells begins with a list of MessagePack, 0x92."""
LONGEST_BYTES = 1_000_000_000
"""What a cell of SQLite holds at most, so no entry ever told more; a frame that would is not read to its end."""
_LZ4: Any = lz4.frame
"""It brings no types."""


def packed(content: bytes) -> bytes:
    """Return ``content`` as it is kept."""
    return _LZ4.compress(content, store_size=False)


def unpacked(kept: bytes) -> bytes:
    """Return the content that is kept so, packed or plain; what is not one whole frame and no more, as it is.

    A frame of more than ``LONGEST_BYTES`` is none: some bytes could stand for very many.
    """
    if not kept.startswith(_MAGIC):
        return kept
    reader = _LZ4.LZ4FrameDecompressor()
    try:
        content = reader.decompress(kept, LONGEST_BYTES)
    except RuntimeError:
        return kept
    return content if reader.eof and not reader.unused_data else kept
