"""The yardstick of a page: FastAPI and asyncpg answer one row by key. `python -m bench.feeds.one_row PORT`."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import uvicorn
from fastapi import FastAPI

SQL = "SELECT id, handle, name FROM user_profile WHERE id = $1"


def make_app(dsn: str) -> FastAPI:
    @asynccontextmanager
    async def opened(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(dsn, min_size=8, max_size=8) as pool:
            app.state.pool = pool
            yield

    app = FastAPI(lifespan=opened)

    @app.get("/users/{user_id}")
    async def user(user_id: int) -> dict[str, object]:
        row = await app.state.pool.fetchrow(SQL, user_id)
        return dict(row)

    return app


if __name__ == "__main__":
    uvicorn.run(
        make_app(os.environ["BENCH_DSN"]),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
