"""The blocks that no test runs unchanged, with the reasons."""

from __future__ import annotations

from typing import Final, NamedTuple

from tests.contract.documents.blocks import Block


class NotRun(NamedTuple):
    """A block that these tests do not run."""

    page: str
    needs: str
    """Text of the block that needs something unavailable here; it occurs in no other block of the page."""
    why: str

    def covers(self, block: Block) -> bool:
        return block.page == self.page and self.needs in block.code


_WHOLE = "installs and builds everything and keeps running; tests/integration/operations/test_demo.py runs the result"
_ENGINE = "needs a container engine; tests/contract/shipping builds the image's steps without one"
_INSTALLS = "installs packages over the network; tests/contract/installed installs the wheels"
_SYSTEMD = "changes the services of the host; tests/contract/shipping/test_services.py reads the units"
_NPM = "needs packages of npm; tests/integration/openai_api/test_node_sdks.py makes the same calls"
NOT_RUN: Final = (
    NotRun(
        "guides/assistant",
        "puras assist",
        "needs a model that works on a draft; tests/e2e/test_assistant.py runs the command",
    ),
    NotRun("README", "make run ", _WHOLE),
    NotRun("tutorials/quickstart", "make run\n", _WHOLE),
    NotRun(
        "tutorials/notebook-to-production",
        "jupyter lab",
        "serves until it is stopped; cells_run.py runs the cells, tests/journeys/one_skill the kernel of Jupyter",
    ),
    NotRun("guides/install", "uv tool install puras-studio ", _INSTALLS),
    NotRun("guides/install", "python3 -m venv", _INSTALLS),
    NotRun("guides/install", "--find-links", _INSTALLS),
    NotRun("guides/install", "puras-kit", _INSTALLS),
    NotRun("guides/docker", "docker build", _ENGINE),
    NotRun("guides/docker", "docker compose", _ENGINE),
    NotRun(
        "guides/observability", "docker run", _ENGINE + "; tests/integration/observability has a receiver"
    ),
    NotRun("guides/systemd", "sudo useradd", _SYSTEMD),
    NotRun("guides/systemd", "--now puras-studio", _SYSTEMD),
    NotRun("guides/systemd", "--now puras-api", _SYSTEMD),
    NotRun(
        "guides/test-against-supabase",
        "-m pytest tests/integration/storage",
        "needs a real storage server; test_storage_contract.py tests how the tests get its address",
    ),
    NotRun("guides/test-against-supabase", "docker compose", _ENGINE),
    NotRun(
        "guides/notebooks",
        "pip install",
        "installs packages over the network; test_kit_wheel.py installs the kit",
    ),
    NotRun(
        "guides/models",
        '"base_url": "https://llm.example.org/v1"',
        "needs a server of models; tests/integration/providers/test_provider_keys.py sends the same request",
    ),
    NotRun(
        "guides/models",
        "puras-studio prices --refresh",
        "downloads prices; tests/unit/models/test_model_prices.py compares those of the package",
    ),
    NotRun(
        "guides/models",
        "puras prices set gpt/5",
        "needs a key of a provider; tests/integration/providers/test_provider_prices.py sends the same requests",
    ),
    NotRun(
        "guides/conversations",
        "endUserToken",
        "needs the server of an application; tests/integration/sessions/test_access.py sends the same header",
    ),
    NotRun("guides/openai-sdk", 'import OpenAI from "openai"', _NPM),
    NotRun("guides/openai-sdk", 'from "@ai-sdk/openai"', _NPM),
    NotRun("reference/mcp", "--transport http", "needs Claude Code; test_snippets.py does what it stores"),
    NotRun("reference/mcp", "mcp add puras -- ", "needs Claude Code; test_snippets.py does what it stores"),
)


def covering(block: Block) -> list[NotRun]:
    """Return the exceptions for a block."""
    return [one for one in NOT_RUN if one.covers(block)]
