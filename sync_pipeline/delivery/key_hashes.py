"""Keys in 8 bytes: what a batch remembers of a million documents without holding a million strings.

Two of a million keys have the same hash with a probability of 3 in 100 million.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import xxhash

if TYPE_CHECKING:
    from collections.abc import Iterable

_SMALLEST = 1024


def key_hash(key: str) -> int:
    """Returns a key as a 64-bit number."""
    return xxhash.xxh3_64_intdigest(key.encode())


class KeyTable:
    """A table from key hashes to 64-bit numbers, in 24 to 48 bytes a key where a dict of strings takes 200.

    An open hash table in two arrays, at most two thirds full; ``expected`` keys fit without growing.
    """

    def __init__(self, expected: int = 0) -> None:
        self._length = 0
        self._make(max(_SMALLEST, 1 << (expected * 3 // 2).bit_length()))

    def __len__(self) -> int:
        return self._length

    def get(self, hashed: int) -> int:
        """Returns the number of a key; 0 for one that is not there."""
        return self._numbers[self._slot(hashed)]

    def put(self, hashed: int, number: int) -> None:
        """Sets the number of a key. It must not be 0."""
        slot = self._slot(hashed)
        if not self._numbers[slot]:
            self._length += 1
        self._hashes[slot] = hashed
        self._numbers[slot] = number
        if self._length * 3 > len(self._hashes) * 2:
            self._grow()

    def update(self, keys: Iterable[str], number: int = 1) -> None:
        """Sets the number of many keys."""
        for key in keys:
            self.put(key_hash(key), number)

    def _slot(self, hashed: int) -> int:
        """Returns where the key is, or the free place that it would get."""
        hashes, numbers, mask = self._hashes, self._numbers, self._mask
        slot = hashed & mask
        while numbers[slot] and hashes[slot] != hashed:
            slot = (slot + 1) & mask
        return slot

    def _make(self, size: int) -> None:
        self._mask = size - 1
        self._hashes = array("Q", [0]) * size
        self._numbers = array("Q", [0]) * size

    def _grow(self) -> None:
        hashes, numbers = self._hashes, self._numbers
        self._make(2 * len(hashes))
        for hashed, number in zip(hashes, numbers, strict=True):
            if number:
                slot = self._slot(hashed)
                self._hashes[slot] = hashed
                self._numbers[slot] = number
