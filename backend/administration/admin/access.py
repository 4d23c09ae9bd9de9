"""Who is an operator: a person with an account that may do what concerns the whole instance."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from backend.core.errors import NotAllowed
from backend.identity.auth.actors import SignedIn
from backend.identity.auth.dependencies import UserDep


def require(who: SignedIn) -> None:
    """Refuse whoever is not an operator.

    Raises:
        NotAllowed: it is none.
    """
    if not who.is_operator:
        raise NotAllowed("Only an operator of this instance may see and do this. Ask one.")


async def _operator(who: UserDep) -> SignedIn:
    require(who)
    return who


OperatorDep = Annotated[SignedIn, Depends(_operator)]
"""A signed-in operator; no key is one."""
