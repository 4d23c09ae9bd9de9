"""The columns of a playground: what each runs, what the page shows of it, and its form in the URL."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from backend.core.errors import Invalid, PurasError
from backend.execution.jobs.errors import WalletEmpty
from backend.money.budgets.errors import BudgetReached
from studio.formatting import usd

DRAFT: Final = "draft"
MAX_COLUMNS: Final = 4
INPUTS_PREFIX: Final = "inputs."
"""The start of the paths of problems that the form shows at its fields."""
_MAX_PROBLEMS: Final = 5
_VERSION: Final = re.compile(r"[0-9]{1,9}|draft")
_STORED: Final = "prompt-"
"""The start of the key of a prompt that is too long for a URL. The tab of the browser stores it."""
PROMPT_LOST: Final = (
    "The edited prompt of this column is not available: long prompts are stored only in the browser tab in which they "
    "were edited. The column uses the prompt of its version."
)


class Prompt(NamedTuple):
    """An edited prompt."""

    path: str
    text: str


@dataclass
class Column:
    """A column: the version, model and prompt that it runs, and its job."""

    key: int
    """Identifies the column on the page."""
    version: str = ""
    """The number of a version, `draft`, or empty for the active one."""
    model: str = ""
    """Empty for the default model."""
    job: str = ""
    """Empty before a run."""
    prompt: str = ""
    """The edited prompt as the URL has it: its path and text as JSON, or the key with which the tab stores them."""
    failure: str = ""
    """Why the version does not have the skill."""
    number: str = ""
    """The version as a text, such as `v3`; empty for the draft."""
    is_agent: bool = False
    default_model: str = ""
    has_other_model: bool = False
    """Whether its model is not in the list of models."""
    output_schema: dict[str, Any] = field(default_factory=dict)
    refusal: list[str] = field(default_factory=list)
    """Why the job was not submitted: the message, and problems that concern no field of the form."""
    balance: str = ""
    """If the wallet is too low, its balance."""
    is_budget: bool = False
    """Whether a budget is reached."""

    def with_version(self, version: str) -> Column:
        """Return the column with another version, without its job and its edited prompt."""
        return replace(self.without_job(), version=version, prompt="")

    def with_model(self, model: str) -> Column:
        """Return the column with another model, without its job."""
        return replace(self.without_job(), model=model)

    def with_prompt(self, in_url: str) -> Column:
        """Return the column with an edited prompt, without its job; empty for the prompt of the version."""
        return replace(self.without_job(), prompt=in_url)

    def with_job(self, job: str) -> Column:
        """Return the column with its job."""
        return replace(self.without_job(), job=job)

    def without_job(self) -> Column:
        """Return the column before a run."""
        return replace(self, job="", refusal=[], balance="", is_budget=False)

    def without_lost_prompt(self) -> Column:
        """Return the column without its edited prompt, which the browser does not have."""
        return replace(self, prompt="", refusal=[PROMPT_LOST])

    def refused(self, error: PurasError) -> Column:
        """Return the column with the reason why its job was not submitted."""
        problems = error.problems if isinstance(error, Invalid) else ()
        others = [f"{one.path}: {one.message}" for one in problems if not one.path.startswith(INPUTS_PREFIX)]
        balance = ""
        if isinstance(error, WalletEmpty):
            reserved = f" ({usd(error.reserved_micros)} reserved)" if error.reserved_micros else ""
            balance = f"Balance: {usd(error.balance_micros)}{reserved}."
        return replace(
            self,
            refusal=[error.detail, *others[:_MAX_PROBLEMS]],
            balance=balance,
            is_budget=isinstance(error, BudgetReached),
        )


def columns_of(query: str, keys: Iterable[int]) -> list[Column]:
    """Return the columns of a query: `c` is `version~model~job~prompt` of each. Without one, the active version.

    Args:
        query: The query of the URL.
        keys: Keys for the columns.
    """
    texts = [value for name, value in parse_qsl(query, keep_blank_values=True) if name == "c"]
    return [_column(key, text) for key, text in zip(keys, texts[:MAX_COLUMNS] or [""], strict=False)]


def query_of(columns: list[Column], others: Mapping[str, str]) -> str:
    """Return the query for columns, with other parameters first."""
    is_plain = len(columns) == 1 and not any(_parts(columns[0]))
    return urlencode([*others.items(), *([] if is_plain else [("c", _text(one)) for one in columns])])


def _column(key: int, text: str) -> Column:
    version, model, job, prompt = (*text.split("~", 3), "", "", "", "")[:4]
    is_known = prompt.startswith(_STORED) or prompt_in(prompt) is not None
    return Column(
        key,
        version=version if _VERSION.fullmatch(version) else "",
        model=model,
        job=job_id(job),
        prompt=prompt if is_known else "",
        refusal=[PROMPT_LOST] if prompt and not is_known else [],
    )


def prompt_in(in_url: str) -> Prompt | None:
    """Return the edited prompt in a URL; None if the URL does not contain it."""
    try:
        path, text = json.loads(in_url)
    except (ValueError, TypeError):
        return None
    return Prompt(path, text) if isinstance(path, str) and isinstance(text, str) else None


def _parts(column: Column) -> tuple[str, ...]:
    return column.version, column.model, column.job, column.prompt


def _text(column: Column) -> str:
    *parts, prompt = _parts(column)
    return "~".join([*parts, prompt] if prompt else parts)


def job_id(text: str) -> str:
    """Return the ID of a job in a URL; empty if it is none."""
    try:
        return str(UUID(text))
    except ValueError:
        return ""
