"""What `apply_memory_policy` does to a process, asked of the C library and of Python themselves."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

SAY = """
import ctypes, gc, sys
from feedmill.runtime.memory_policy import apply_memory_policy
if sys.argv[1] == "applied":
    apply_memory_policy()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
blocks = [libc.malloc(64) for _ in range(1_000)]
for block in blocks:
    libc.free(block)
class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks".split()]
    _fields_ += [(name, ctypes.c_size_t) for name in "uordblks fordblks keepcost".split()]
libc.mallinfo2.restype = Info
print(libc.mallinfo2().fsmblks, gc.get_threshold()[0], gc.get_freeze_count())
"""

pytestmark = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="this C library has no fast bins")


def _said(mode: str) -> tuple[int, int, int]:
    out = subprocess.run([sys.executable, "-c", SAY, mode], check=True, capture_output=True, text=True).stdout
    kept_aside, threshold, frozen = map(int, out.split())
    return kept_aside, threshold, frozen


def test_freed_blocks_are_kept_aside_without_it() -> None:
    kept_aside, threshold, frozen = _said("not applied")
    assert kept_aside > 10_000
    assert threshold < 10_000
    assert frozen == 0


def test_freed_blocks_are_joined_and_garbage_is_looked_for_rarely() -> None:
    kept_aside, threshold, frozen = _said("applied")
    assert kept_aside == 0
    assert threshold == 100_000
    assert frozen > 1_000
