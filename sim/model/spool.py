"""What is put away on disk while a run goes on: blocks of records, read back when somebody asks for one again.

The file has no name: it is gone with the process, however that ends. This module must never know what a block holds.
"""

from __future__ import annotations

import os
import tempfile
import weakref
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, Generic, NamedTuple, TypeVar, overload

import msgspec

__all__ = ["BLOCK", "Packed", "Place", "Seen", "Spool"]

BLOCK: Final = 512
"""Records that are packed together."""
_BITS_A_VISIT: Final = 64
_LENGTH_BITS: Final = 32
_LENGTH_MASK: Final = (1 << _LENGTH_BITS) - 1
_T = TypeVar("_T")
_pack = msgspec.msgpack.Encoder().encode


class Place(NamedTuple):
    """Where a block lies in the spool's file, in bytes."""

    offset: int
    length: int


class Spool:
    """Packed blocks in one file."""

    __slots__ = ("__weakref__", "_descriptor", "_end", "_folder", "block")

    def __init__(self, folder: Path | None = None) -> None:
        """Open nothing yet; the file will lie in ``folder``, or where temporary files do."""
        self.block = BLOCK
        """How many items whoever puts something away packs together."""
        self._folder = folder
        self._descriptor = -1
        self._end = 0

    def put(self, items: Sequence[object]) -> Place:
        """Put a block away."""
        block = zlib.compress(_pack(items), 1)
        return Place(self._write(block), len(block))

    def get(self, place: Place) -> bytes:
        """Return the content of a block, to be decoded as a list."""
        return zlib.decompress(os.pread(self._descriptor, place.length, place.offset))

    def put_alone(self, item: bytes) -> int:
        """Put a single thing away that is asked for again by its place: one number, for there may be a million."""
        return self._write(item) << _LENGTH_BITS | len(item)

    def get_alone(self, place: int) -> bytes:
        """Return what lies at a place of :meth:`put_alone`."""
        return os.pread(self._descriptor, place & _LENGTH_MASK, place >> _LENGTH_BITS)

    def _write(self, content: bytes) -> int:
        """Write at the end of the file, and return where."""
        if self._descriptor < 0:
            self._open()
        offset = self._end
        taken = os.pwrite(self._descriptor, content, offset)
        if taken != len(content):
            raise OSError(f"the disk took {taken} of {len(content)} bytes that were put away")
        self._end += taken
        return offset

    def _open(self) -> None:
        self._descriptor, path = tempfile.mkstemp(prefix="yidi-", dir=self._folder)
        Path(path).unlink()
        # Whoever holds books that were read still reads from it: it is closed with the last of them.
        weakref.finalize(self, os.close, self._descriptor)


class Seen:
    """Which keys may have been put away: often right, and never wrong when it says no (a Bloom filter)."""

    __slots__ = ("_bits", "_mask")

    def __init__(self, visits: int) -> None:
        """Expect a few keys of each of ``visits``."""
        bits = 1 << max(10, (_BITS_A_VISIT * visits).bit_length())
        self._bits = bytearray(bits >> 3)
        self._mask = bits - 1

    def add(self, number: int) -> None:
        """Remember a key by its hash."""
        bits, mask = self._bits, self._mask
        probe = number & mask
        bits[probe >> 3] |= 1 << (probe & 7)
        probe = (number >> 16) & mask
        bits[probe >> 3] |= 1 << (probe & 7)
        probe = (number >> 32) & mask
        bits[probe >> 3] |= 1 << (probe & 7)

    def may_hold(self, number: int) -> bool:
        """Return whether a key of this hash may be among them."""
        bits, mask = self._bits, self._mask
        probe = number & mask
        if not bits[probe >> 3] >> (probe & 7) & 1:
            return False
        probe = (number >> 16) & mask
        if not bits[probe >> 3] >> (probe & 7) & 1:
            return False
        probe = (number >> 32) & mask
        return bool(bits[probe >> 3] >> (probe & 7) & 1)


class Packed(Sequence[_T], Generic[_T]):
    """Items in the order they were put away: packed blocks first, then the rest; each is unpacked as it is read.

    ``gone`` are the numbers of packed items that were taken out again. Of the rest, a number is the place of an item
    that lies alone.
    """

    __slots__ = ("_gone", "_places", "_rest", "_spool", "_unpack", "_unpack_alone")

    def __init__(
        self,
        spool: Spool,
        places: tuple[Place, ...],
        unpack: Callable[[bytes], list[_T]],
        rest: tuple[_T | int, ...],
        gone: frozenset[int] = frozenset(),
        unpack_alone: Callable[[bytes], _T] | None = None,
    ) -> None:
        """Keep the blocks packed."""
        self._spool = spool
        self._places = places
        self._unpack = unpack
        self._rest = rest
        self._gone = gone
        self._unpack_alone = unpack_alone

    def __len__(self) -> int:
        return len(self._places) * self._spool.block - len(self._gone) + len(self._rest)

    def __iter__(self) -> Iterator[_T]:
        gone = self._gone
        for number, place in enumerate(self._places):
            block = self._unpack(self._spool.get(place))
            if gone:
                first = number * self._spool.block
                yield from (item for at, item in enumerate(block, first) if at not in gone)
            else:
                yield from block
        for item in self._rest:
            yield self._alone(item) if isinstance(item, int) else item

    def _alone(self, place: int) -> _T:
        assert self._unpack_alone is not None  # whoever gives places says how to unpack what lies there
        return self._unpack_alone(self._spool.get_alone(place))

    @overload
    def __getitem__(self, place: int) -> _T: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[_T, ...]: ...
    def __getitem__(self, place: int | slice) -> _T | tuple[_T, ...]:
        return tuple(self)[place]
