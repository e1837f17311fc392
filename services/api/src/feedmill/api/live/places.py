"""How many streams are open: each from the moment it is asked for until its response has ended, let in or not."""

from collections import Counter

from feedmill.api.live.stream import Stream


class Places:
    """`open`: all of them, also those that are still being brought up to the tail."""

    def __init__(self, most: int, most_of_reader: int) -> None:
        self._most = most
        self._most_of_reader = most_of_reader
        self._of: Counter[int] = Counter()
        self.open: set[Stream] = set()

    def take(self, stream: Stream) -> bool:
        """Whether there is one left; then it is the stream's. Looking and taking are one: nothing waits between."""
        if len(self.open) >= self._most or self._of[stream.reader_id] >= self._most_of_reader:
            return False
        self.open.add(stream)
        self._of[stream.reader_id] += 1
        return True

    def free(self, stream: Stream) -> None:
        """Also of one that has none."""
        if stream not in self.open:
            return
        self.open.remove(stream)
        self._of[stream.reader_id] -= 1
        if not self._of[stream.reader_id]:
            del self._of[stream.reader_id]
