"""The commands `puras prices ls`, `set` and `rm`: what models cost, and what the project pays its own providers."""

from __future__ import annotations

from argparse import Namespace
from typing import Any
from urllib.parse import quote

from puras.cli import exits, printing
from puras.cli.exits import UsageProblem
from puras.cli.session import Session, command, confirmed, group


def add(commands: Any) -> None:
    """Add the commands."""
    prices = group(
        commands,
        "prices",
        "List the prices of models, and set those of your own providers.",
        "puras prices ls",
    )
    command(prices, "ls", _list, "List the prices of models with their sources and dates.", "puras prices ls")
    put = command(
        prices,
        "set",
        _set,
        "Set what the project pays for a model that it calls with its own key, in dollars per million tokens.",
        "puras prices set gpt/5 --input 1.10 --output 9",
    )
    put.add_argument("model", help="the model, such as gpt/5")
    put.add_argument("--input", required=True, metavar="USD", help="tokens of the prompt")
    put.add_argument("--output", required=True, metavar="USD", help="tokens of the reply")
    put.add_argument(
        "--cache-read", metavar="USD", help="tokens read from the cache; default: that of --input"
    )
    put.add_argument(
        "--cache-write", metavar="USD", help="tokens written to the cache; default: that of --input"
    )
    rm = command(
        prices,
        "rm",
        _delete,
        "Delete the price that the project has set for a model.",
        "puras prices rm gpt/5",
    )
    rm.add_argument("model", help="the model, such as gpt/5")
    rm.add_argument("-y", "--yes", action="store_true", help="do not ask for confirmation")


def _list(arguments: Namespace, session: Session) -> int:
    found = session.client.request("GET", "/v1/pricing")["models"]
    rows = [
        (
            one["model"],
            _usd(one["per_million_tokens"]["input_micros"]),
            _usd(one["per_million_tokens"]["output_micros"]),
            _usd(one["per_million_tokens"]["cache_read_micros"]),
            one.get("price_set_by", ""),  # an older instance does not report it
            one.get("price_date") or "",
        )
        for one in found
    ]
    session.show(
        found,
        lambda: printing.table(
            ("MODEL", "INPUT $/M", "OUTPUT $/M", "CACHE READ $/M", "SET BY", "DATE"), rows
        ),
    )
    return exits.OK


def _set(arguments: Namespace, session: Session) -> int:
    given = {
        "input_usd": arguments.input,
        "output_usd": arguments.output,
        "cache_read_usd": arguments.cache_read,
        "cache_write_usd": arguments.cache_write,
    }
    body = {name: value for name, value in given.items() if value is not None}
    session.client.request("PUT", _route(arguments.model), body=body)
    session.show(
        {"model": arguments.model, **body},
        lambda: printing.answer(
            f"Set the price of {printing.plain(arguments.model)}. Later receipts show it."
        ),
    )
    return exits.OK


def _delete(arguments: Namespace, session: Session) -> int:
    confirmed(f"Delete the project's price of {arguments.model}?", yes=arguments.yes)
    session.client.request("DELETE", _route(arguments.model))
    session.show(
        {"deleted": arguments.model},
        lambda: printing.answer(f"Deleted the project's price of {printing.plain(arguments.model)}."),
    )
    return exits.OK


def _route(model: str) -> str:
    family, separator, variant = model.partition("/")
    if not (family and separator and variant):
        raise UsageProblem(f"{model!r} is not a model. Write family/variant, such as gpt/5.")
    return f"/v1/providers/{quote(family, safe='')}/prices/{quote(variant, safe='')}"


def _usd(micros: int) -> str:
    return f"{micros / 1_000_000:.6f}".rstrip("0").rstrip(".")
