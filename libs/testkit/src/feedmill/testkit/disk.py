"""A disk that is full: a small tmpfs under a part's data folder, filled up, and made larger again.

Needs the right to mount (root, and a container that allows it): `available()` tries.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

BALLAST = "ballast"
MB = 1 << 20


class MountRefused(RuntimeError):
    """What `mount` said."""


def mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise MountRefused(f"mount {' '.join(arguments)}: {done.stderr.strip()}")


@cache
def refusal() -> str:
    """Why nothing can be mounted here; empty where it can."""
    with tempfile.TemporaryDirectory(prefix="feedmill-disk-") as folder:
        try:
            mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", folder)
        except (MountRefused, OSError) as reason:
            return str(reason)
        subprocess.run(["umount", folder], check=True)
    return ""


class Disk:
    """What lies in `folder` moves onto it, with its owners; nothing may be using it meanwhile."""

    def __init__(self, folder: Path, size_mb: int) -> None:
        self.folder = folder
        self.size_mb = size_mb
        before = folder.with_name(folder.name + ".before")
        owner = folder.stat()
        folder.rename(before)
        folder.mkdir()
        options = f"size={size_mb}m,mode={owner.st_mode & 0o777:o},uid={owner.st_uid},gid={owner.st_gid}"
        mount("-t", "tmpfs", "-o", options, "tmpfs", str(folder))
        subprocess.run(["cp", "-a", f"{before}/.", str(folder)], check=True)
        shutil.rmtree(before)

    @property
    def free_bytes(self) -> int:
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def fill(self, *, leave_bytes: int) -> None:
        """Something else takes the room there was: all of it, where others take theirs at the same time."""
        with (self.folder / BALLAST).open("ab", buffering=0) as file:
            left = self.free_bytes - leave_bytes
            if left > 0:
                try:
                    file.write(b"\0" * left)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def grow(self, by_mb: int) -> None:
        """An operator's remedy; what filled it stays."""
        self.size_mb += by_mb
        mount("-o", f"remount,size={self.size_mb}m", str(self.folder))

    def close(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=False)
