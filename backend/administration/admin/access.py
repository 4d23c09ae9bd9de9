"""Restrict routes to operators, the users who administer the instance."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from backend.core.errors import NotAllowed
from backend.identity.auth.actors import SignedIn
from backend.identity.auth.dependencies import UserDep


def require(user: SignedIn) -> None:
    """Check that the user is an operator.

    Raises:
        NotAllowed: The user is not an operator.
    """
    if not user.is_operator:
        raise NotAllowed("Only an operator of this instance can do this. Ask an operator.")


async def _operator(user: UserDep) -> SignedIn:
    require(user)
    return user


OperatorDep = Annotated[SignedIn, Depends(_operator)]
"""A signed-in operator; API keys are rejected."""
