"""Table of contents of `/v1`."""

from fastapi import APIRouter

from backend.auth.api import router as auth
from backend.projects.api import router as projects

MOST_BODY_BYTES = 8 * 1024 * 1024
"""Routes that take more (`max_body_size=`) say so themselves."""

router = APIRouter(prefix="/v1", max_body_size=MOST_BODY_BYTES)
router.include_router(auth)
router.include_router(projects)
