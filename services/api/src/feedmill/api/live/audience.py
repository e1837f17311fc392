"""Who listens, and to whose activities. Devices of one reader share what decides."""

from collections.abc import Iterable

from feedmill.api.live.edges import Edges
from feedmill.api.live.stream import Stream


class Audience:
    """`edges`: reader -> what decides; `readers_of`: author -> the readers here who follow them."""

    def __init__(self) -> None:
        self.streams: set[Stream] = set()
        self.edges: dict[int, Edges] = {}
        self.readers_of: dict[int, set[int]] = {}
        self._of: dict[int, set[Stream]] = {}

    def join(self, stream: Stream, edges: Edges) -> None:
        self.streams.add(stream)
        self._of.setdefault(stream.reader_id, set()).add(stream)
        self.change(stream.reader_id, edges)

    def leave(self, stream: Stream) -> None:
        """Also of one that never joined."""
        self.streams.discard(stream)
        of_reader = self._of.get(stream.reader_id)
        if of_reader is None:
            return
        of_reader.discard(stream)
        if not of_reader:
            del self._of[stream.reader_id]
            self._unlist(stream.reader_id, self.edges.pop(stream.reader_id).follows)

    def change(self, reader_id: int, edges: Edges) -> None:
        """Of now on these decide."""
        known = self.edges.get(reader_id)
        if known is not None:
            self._unlist(reader_id, known.follows.keys() - edges.follows.keys())
        self.edges[reader_id] = edges
        for author in edges.follows:
            self.readers_of.setdefault(author, set()).add(reader_id)

    def streams_of(self, reader_id: int) -> tuple[Stream, ...]:
        return tuple(self._of.get(reader_id, ()))

    def _unlist(self, reader_id: int, authors: Iterable[int]) -> None:
        for author in authors:
            readers = self.readers_of[author]
            readers.discard(reader_id)
            if not readers:
                del self.readers_of[author]
