"""Page lists over HTTP with `?limit=` and `?cursor=`; the response is an array with a `Link` header."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Query, Request, Response

from backend.core.db.paging import DEFAULT_LIMIT, MAX_CURSOR_CHARACTERS, MAX_PAGE_SIZE, Page, Row, Slice

CursorQuery = Annotated[
    str | None,
    Query(
        max_length=MAX_CURSOR_CHARACTERS, description="Cursor from the `Link` header of the previous page."
    ),
]


def linked(request: Request, response: Response, page: Slice[Row]) -> Sequence[Row]:
    """Return the rows of the page; its `Link` header names the next one."""
    if page.next_cursor is not None:
        url = request.url.include_query_params(cursor=page.next_cursor)
        query = f"?{url.query}"
        response.headers["Link"] = f'<{request.url.path}{query}>; rel="next"'
    return page.items


async def _page(
    limit: Annotated[
        int, Query(ge=1, le=MAX_PAGE_SIZE, description="Maximum rows per page.")
    ] = DEFAULT_LIMIT,
    cursor: CursorQuery = None,
) -> Page:
    return Page(limit=limit, cursor=cursor)


PageDep = Annotated[Page, Depends(_page)]
