"""Bytes of answers, counted while they are read and while they are decompressed."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator

from service.outgoing.deadline import Dropped, OutgoingError, TooLarge

_GZIP = 16 + zlib.MAX_WBITS


class Allowance:
    """A number of bytes that several answers share, whichever thread reads them."""

    def __init__(self, max_bytes: int) -> None:
        self._max = max_bytes
        self._left = max_bytes
        self._counting = threading.Lock()

    def take(self, size: int) -> None:
        """Counts bytes that were read; TooLarge when they are more than is left."""
        with self._counting:
            self._left -= size
            left = self._left
        if left < 0:
            raise TooLarge(f"the answer is larger than {self._max} bytes")

    @property
    def left(self) -> int:
        """Bytes that may still be read."""
        return max(0, self._left)


def counted(chunks: Iterator[bytes], allowance: Allowance) -> Iterator[bytes]:
    """The chunks, each counted before it is passed on. Raises TooLarge."""
    for chunk in chunks:
        allowance.take(len(chunk))
        yield chunk


def inflated(chunks: Iterator[bytes], allowance: Allowance) -> Iterator[bytes]:
    """gzip decompressed, never more at once than one byte beyond the allowance, however small the bomb.

    OutgoingError when it is no gzip, Dropped when it ends too early.
    """
    inflating = zlib.decompressobj(_GZIP)
    try:
        for chunk in chunks:
            yield inflating.decompress(chunk, allowance.left + 1)
    except zlib.error:
        raise OutgoingError("the answer is not what its Content-Encoding says") from None
    if not inflating.eof:
        raise Dropped("the answer ends too early")
