"""One FastAPI route that accepts the request of a job and does nothing: `python -m benchmarks.peers.minimal_api PORT`.

Server program, protocol implementation and event loop are those of `studio.serving`.
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from backend.core.http.request_limits import BoundedHttp

app = FastAPI()


class JobRequest(BaseModel):
    """The two fields that a request for a no-op job contains."""

    skill: str
    inputs: dict[str, Any]


class JobResponse(BaseModel):
    """A minimal response."""

    id: str
    skill: str
    inputs: dict[str, Any]


@app.post("/v1/jobs", status_code=201)
async def submit(request: JobRequest) -> JobResponse:
    """Return the request."""
    return JobResponse(id="1", skill=request.skill, inputs=request.inputs)


if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        http=BoundedHttp,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
