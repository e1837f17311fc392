"""Tasks that run as long as a service serves, and never die in silence."""

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from feedmill.runtime import logs
from feedmill.runtime.health import Health

log = logs.get("feedmill.background")


@asynccontextmanager
async def background(health: Health, *loops: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run endless loops beside the block. One that fails ends the process: half a service is worse than a restart."""

    def judge(task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.error("background_task_failed", task=task.get_name(), exc_info=error)
        health.broke(f"{task.get_name()} failed: {type(error).__name__}")
        signal.raise_signal(signal.SIGTERM)

    tasks = [asyncio.create_task(loop, name=getattr(loop, "__name__", "task").strip("_")) for loop in loops]
    for task in tasks:
        task.add_done_callback(judge)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
