"""Start a suite for the user of the page."""

from __future__ import annotations

import reflex as rx

from backend.evals import suites
from backend.evals.planning import SuiteResources
from backend.evals.schemas import SuiteCreate
from backend.money.pricing import PriceList
from studio import session


async def start_suite(state: rx.State, pack: str, wanted: SuiteCreate, key: str) -> None:
    """Start a suite of a skillpack once for each key."""
    context = session.context()
    resources = SuiteResources(
        context.storage, PriceList.of(context.settings), context.settings.max_queued_jobs
    )
    try:
        async with session.acting(state, state.project, once=key) as act:
            await suites.start(act.session, act.principal, wanted, skillpack=pack, resources=resources)
    except session.AlreadyDone:
        pass  # the first click has started it
