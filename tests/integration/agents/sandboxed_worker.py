"""A complete worker in this process: sandboxed workspaces, and models that a server of the test imitates."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from backend.integrations.providers.access import Access
from backend.skills.model_catalog import catalog
from tests.doubles.messages import MessagesServer
from tests.factories.worker import woken
from tests.integration.agents.conftest import MODEL, Agents
from workers.attempt.grading.graders import Graders
from workers.llm.selection import Models
from workers.runners.agent_environment import agentic_runner
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.host.runtime import SandboxRuntime
from workers.supervisor import Supervisor


def models_for(agents: Agents) -> Models:
    """Return models whose replies come from the upstream of the test."""
    return models_of(agents.upstream)


def models_of(upstream: MessagesServer) -> Models:
    """Return models whose replies come from a server of the test."""
    endpoints = catalog.current().endpoints
    endpoint = endpoints["anthropic"].model_copy(update={"base_url": upstream.url})
    access = Access({**endpoints, "anthropic": endpoint}, {"anthropic": "key"})
    return Models(access, margin_pct=20, default_model=MODEL)


@asynccontextmanager
async def sandboxed_worker(agents: Agents, models: Models, *, capacity: int = 1) -> AsyncIterator[None]:
    """Run a complete worker with these models, sandboxed workspaces and all tools."""
    settings = agents.instance.settings
    functions = DeterministicRunner(
        SandboxRuntime(
            settings.home, sandbox="auto", api_base=settings.workers_api_url, idle_s=60, pool_mb=512
        )
    )
    runner = agentic_runner(agents.instance, functions.runtime, models)
    supervisor = Supervisor(
        agents.instance,
        {"agentic": runner, "deterministic": functions},
        lanes=["default"],
        capacity=capacity,
        graders=Graders(agents.instance, functions.runtime, models),
    )
    try:
        async with woken(supervisor):
            yield
    finally:
        await functions.close()
        await models.close()
