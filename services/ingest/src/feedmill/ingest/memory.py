"""Bounded memories of recent work. They only ever add certainty: whatever has been forgotten still ends right."""

from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


class Recent(Generic[KeyT, ValueT]):
    """The latest entries, between half of `most` and `most` of them. Two generations: no bookkeeping per access."""

    __slots__ = ("_half", "_new", "_old")

    def __init__(self, most: int) -> None:
        self._half = max(1, most // 2)
        self._new: dict[KeyT, ValueT] = {}
        self._old: dict[KeyT, ValueT] = {}

    def get(self, key: KeyT) -> ValueT | None:
        value = self._new.get(key)
        return value if value is not None else self._old.get(key)

    def put_first(self, key: KeyT, value: ValueT) -> ValueT | None:
        """Remembers the value unless the key is known; then what is known of it."""
        new = self._new
        known = new.get(key)
        if known is None:
            known = self._old.get(key)
            if known is None:
                new[key] = value
                self._turn()
        return known

    def put_all_new(self, keys: Collection[KeyT], values: Iterable[ValueT]) -> bool:
        """Remembers all of them where none is known and none stands twice; else nothing, and False."""
        new = self._new
        if len(keys) > self._half or not new.keys().isdisjoint(keys) or not self._old.keys().isdisjoint(keys):
            return False
        wanted = len(new) + len(keys)
        new.update(zip(keys, values, strict=True))
        if len(new) < wanted:
            for key in keys:
                new.pop(key, None)
            return False
        self._turn()
        return True

    def put(self, key: KeyT, value: ValueT) -> None:
        """Remembers the value, whatever was known."""
        self.update({key: value})

    def update(self, entries: Mapping[KeyT, ValueT]) -> None:
        """`put` of each."""
        self._new.update(entries)
        self._turn()

    def _turn(self) -> None:
        if len(self._new) >= self._half:
            self._old, self._new = self._new, {}

    def forget(self, key: KeyT) -> None:
        self._new.pop(key, None)
        self._old.pop(key, None)

    def __len__(self) -> int:
        return len(self._new) + len(self._old)
