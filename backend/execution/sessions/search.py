"""Search sessions by the beginnings of words in titles, messages and replies."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from backend.execution.sessions.tables import TITLE_WORDS, TURN_WORDS

MAX_WORDS: Final = 32
"""Further words of a search are ignored."""
# Each word is quoted, since a word may contain operators of a tsquery. Without a word, nothing matches.
_QUERY: Final = rf"""(
  select cast(
    '''project:' || :project_id || ''' & '
    || string_agg('''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || ''':*', ' & ') as tsquery
  )
  from (select lexeme from unnest(to_tsvector('simple'::regconfig, :words)) limit {MAX_WORDS}) one
)"""  # noqa: S608 - the interpolated value is a constant
_FOUND: Final = f"""agent_sessions.id in (
  select id from agent_sessions where {TITLE_WORDS} @@ {_QUERY} and project_id = cast(:project_id as uuid)
  union
  select session_id from session_turns where {TURN_WORDS} @@ {_QUERY} and project_id = cast(:project_id as uuid)
)"""  # noqa: S608 - interpolated values are constants


def matching(project_id: UUID, words: str) -> Any:
    """Return the condition for sessions whose title, or one of whose messages with its reply, has all these words.

    The beginning of a word is enough.
    """
    return text(_FOUND).bindparams(project_id=str(project_id), words=words)
