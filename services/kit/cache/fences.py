"""Fences: how an operation learns that what it is about to keep was invalidated while it was at work."""

from collections.abc import Iterator
from contextlib import contextmanager


class Fence:
    """Intact until something invalidates its key."""

    __slots__ = ("intact", "key")

    def __init__(self, key: str) -> None:
        self.key = key
        self.intact = True


class Fences:
    """The fences of all operations under way in this process."""

    def __init__(self) -> None:
        self._by_key: dict[str, set[Fence]] = {}

    @contextmanager
    def watch(self, fence: Fence) -> Iterator[Fence]:
        """Let invalidations of the fence's key break it, for the length of an operation."""
        siblings = self._by_key.setdefault(fence.key, set())
        siblings.add(fence)
        try:
            yield fence
        finally:
            siblings.remove(fence)
            if not siblings:
                del self._by_key[fence.key]

    def cut(self, key: str, *, but: Fence | None = None) -> None:
        """Break the fences of one key, all but one's own."""
        for fence in self._by_key.get(key, ()):
            fence.intact = fence is but and fence.intact

    def cut_prefix(self, prefix: str) -> None:
        """Break the fences of all keys that begin with `prefix`."""
        for key in self._by_key:
            if key.startswith(prefix):
                self.cut(key)
