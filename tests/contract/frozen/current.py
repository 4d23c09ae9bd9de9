"""Describe the public contracts of the current code as JSON documents, one for each file in `contracts/`."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import json
import re
from argparse import SUPPRESS, ArgumentParser
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final, get_origin

import puras
import puras_mcp.server
import typer
import yaml
from puras.cli import completion
from puras.cli.main import parser
from puras_mcp.server import Server, command_line
from puras_mcp.world import configured

from backend.execution.events.types import REGISTRY
from backend.generators import error_page, settings_page
from backend.operations import commands
from backend.operations.command_table import COMMANDS_BY_MODULE
from backend.skills.archives.pack import pack_files
from backend.skills.bundles.read import ReadBundle, read_bundle
from backend.skills.manifest.findings import BundleInvalid
from backend.skills.manifest.json_schema import skill_json_schema
from tests.contract.frozen.cli_output import cli_output
from tests.contract.frozen.client_requests import client_requests
from tests.contract.frozen.event_sources import EventSources
from tests.factories.description import openapi

Json = Any

CONTRACTS: Final = Path(__file__).with_name("contracts")
BUNDLES: Final = CONTRACTS / "bundles"
"""Example skillpacks of earlier releases: YAML files that map each path to its text."""
MCP: Final = Path(puras_mcp.server.__file__).parent


def settings() -> Json:
    """Return each setting with its values and default, from the generated page."""
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| ", settings_page.page(), re.MULTILINE)
    return {name: {"values": values, "default": default} for name, values, default in rows}


def errors() -> Json:
    """Return each error code with its HTTP statuses, from the generated page."""
    found: dict[str, list[str]] = {}
    for section in error_page.page().split("\n## ")[1:]:
        for code in re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE):
            found.setdefault(code, []).append(section[:3])
    return found


def events() -> Json:
    """Return the fields of each type of event, from its class."""
    return {kind: sorted(one.payload_keys) for kind, one in sorted(REGISTRY.items())}


def skill_yaml() -> Json:
    """Return the schema of skill.yaml."""
    return {"skill.yaml": {"request_schema": skill_json_schema()}}


def mcp_tools() -> Json:
    """Return the tools of the local and of the hosted MCP server."""
    return {
        place: {
            tool.name: {
                "annotations": tool.annotations.model_dump(mode="json") if tool.annotations else {},
                "arguments": {"request_schema": tool.input_schema},
                "result": {"response_schema": tool.output_schema or {}},
            }
            for tool in asyncio.run(Server(configured, hosted=place == "hosted").list_tools())
        }
        for place in ("local", "hosted")
    }


def cli() -> Json:
    """Return the commands of `puras` and `puras-studio` with their arguments and options."""
    importlib.import_module("backend.tables")
    names = (name for part in COMMANDS_BY_MODULE.values() for name in part)
    operator = {
        words: parameters
        for name in names
        for words, parameters in _operator_commands(
            typer.main.get_command(commands.commands(name)), "puras-studio"
        )
    }
    return dict(_commands(parser(), "puras")) | operator


def _commands(command: ArgumentParser, words: str) -> Iterator[tuple[str, Json]]:
    below = completion.subparsers(command)
    parameters: dict[str, Json] = {}
    for action in command._actions:
        described = {
            "required": bool(action.required),
            "values": "none" if action.nargs == 0 else str(action.nargs or 1),
            "choices": sorted(map(str, action.choices)) if action.choices else None,
            "default": None if action.default == SUPPRESS else _plain(action.default),
        }
        position = sum(name.startswith("argument") for name in parameters) + 1
        if action.dest not in ("help", SUPPRESS) and not (below and not action.option_strings):
            parameters |= dict.fromkeys(action.option_strings or [f"argument {position}"], described)
    yield words, parameters
    for name, one in below.items():
        yield from _commands(one, f"{words} {name}")


def _operator_commands(command: Any, words: str) -> Iterator[tuple[str, Json]]:
    parameters: dict[str, Json] = {}
    for parameter in command.params:
        described = {
            "required": bool(parameter.required),
            "values": "none" if getattr(parameter, "is_flag", False) else str(parameter.nargs),
            "type": _type_name(parameter.type_descriptor.annotation),
            "default": _plain(parameter.default),
        }
        position = sum(name.startswith("argument") for name in parameters) + 1
        names = [*parameter.opts, *parameter.secondary_opts]
        names = names if names[0].startswith("-") else [f"argument {position}"]
        parameters |= dict.fromkeys(names, described)
    yield words, parameters
    for name, one in getattr(command, "commands", {}).items():
        yield from _operator_commands(one, f"{words} {name}")


def mcp_command() -> Json:
    """Return the options of the command `puras-mcp`, and the environment variables that its package reads."""
    texts = (path.read_text(encoding="utf-8") for path in MCP.rglob("*.py"))
    constants = {
        node.value
        for text in texts
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    variables = sorted(name for name in constants if re.fullmatch(r"PURAS_[A-Z_]+", name))
    return {**dict(_commands(command_line(), "puras-mcp")), "environment variables": variables}


def sdk() -> Json:
    """Return the public names of the package `puras` and of its client, with their signatures."""
    client = importlib.import_module("puras.client")
    names = {name: getattr(puras, name) for name in puras.__all__}
    names |= {f"client.{name}": getattr(client, name) for name in client.__all__}
    return {name: _described(value) for name, value in names.items()}


def _described(value: object) -> Json:
    if isinstance(value, ModuleType):
        public = getattr(value, "__all__", [name for name in vars(value) if not name.startswith("_")])
        own = {name: getattr(value, name) for name in public}
        return {
            name: _described(one)
            for name, one in own.items()
            if getattr(one, "__module__", "") == value.__name__
        }
    if inspect.isclass(value):
        return _class(value)
    return _signature(value) if inspect.isfunction(value) else {"kind": type(value).__name__}


def _class(value: type) -> Json:
    layers = [layer for layer in reversed(value.__mro__) if layer.__module__.startswith("puras")]
    members = {name: member for layer in layers for name, member in vars(layer).items()}
    described = {
        name: _signature(member) if inspect.isfunction(member) else {"kind": type(member).__name__}
        for name, member in members.items()
        if not name.startswith("_") or name == "__init__"
    }
    fields = {
        name: _type_name(annotation)
        for layer in layers
        for name, annotation in inspect.get_annotations(layer).items()
        if not name.startswith("_")
    }
    return {"members": described, "fields": fields}


def _signature(function: Callable[..., Any]) -> Json:
    signature = inspect.signature(function)
    parameters = {}
    for position, one in enumerate(signature.parameters.values()):
        is_variable = one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
        is_named = one.kind in (one.KEYWORD_ONLY, one.VAR_KEYWORD)
        parameters[one.name] = {
            "required": one.default is one.empty and not is_variable,
            "position": None if is_named else position,
            "default": None if one.default is one.empty else _plain(one.default),
            "type": _type_name(one.annotation),
        }
    return {"parameters": parameters, "returns": _type_name(signature.return_annotation)}


def _type_name(annotation: object) -> str:
    if annotation is inspect.Signature.empty:
        return ""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation.__name__
    return str(getattr(annotation, "__forward_arg__", annotation)).replace("'", "")


def _plain(value: object) -> Json:
    """Return a default as JSON; the default of a required parameter is none."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    return json.loads(json.dumps(value, default=lambda other: type(other).__name__))


def bundles() -> Json:
    """Return what the archived skillpacks still mean: their skills, and what puras.yaml says of the whole."""
    return {path.stem: meaning for path in sorted(BUNDLES.glob("*.yaml")) if (meaning := _meaning(path))}


def _meaning(path: Path) -> Json:
    files: dict[str, str] = yaml.safe_load(path.read_text(encoding="utf-8"))
    try:
        read: ReadBundle = read_bundle(pack_files({name: text.encode() for name, text in files.items()}))
    except BundleInvalid:
        return None
    whole = read.manifest.model_dump(mode="json", include={"title", "description", "marketing"})
    return {
        "puras.yaml": {**whole, "slug": read.binding.slug, "skillpack_id": read.binding.skillpack_id},
        "skills": {skill.name: {"is_agentic": skill.is_agentic} for skill in read.manifest.skills},
    }


CURRENT: Final[dict[str, Callable[[], Json]]] = {
    "openapi": openapi,
    "events": events,
    "skill_yaml": skill_yaml,
    "mcp_tools": mcp_tools,
    "settings": settings,
    "cli": cli,
    "cli_output": cli_output,
    "sdk": sdk,
    "client_requests": client_requests,
    "mcp_command": mcp_command,
    "errors": errors,
    "job_errors": lambda: EventSources().job_error_codes(),
    "bundles": bundles,
}
"""The contracts by the names of their files."""
