"""The commands of `puras-studio` and their help, which are printed without loading any of them."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping
from typing import Final

COMMANDS_BY_MODULE: Final[Mapping[str, Mapping[str, str]]] = {
    "up.command": {"up": "Run the whole instance in the foreground: databases, API, studio and workers."},
    "demo.command": {
        "env": "Print shell commands that set PURAS_API_BASE and PURAS_API_KEY of the demo project."
    },
    "serve_commands": {
        "api": "Serve the API and the studio of an instance whose databases run.",
        "worker": "Run worker processes for an instance whose databases run.",
    },
    "maintenance_commands": {
        "migrate": "Migrate the database to the tables of this release, or back to those of an earlier release.",
        "doctor": "Report the problems of this instance and how to fix them; exit code 1 if a check fails.",
        "support-bundle": "Write a file with versions, settings without secrets, checks and state, to report problems.",
        "setup-link": "Print a new one-time link to create the owner account; earlier links stop working.",
        "prices": "Compare the prices of the model catalog with those of the package genai-prices.",
    },
    "user_commands": {"project": "Manage projects.", "user": "Manage users."},
    "money_commands": {
        "topup": "Add credit to a project's wallet.",
        "audit": "Verify every row of the ledger; exit code 1 if it has errors.",
    },
    "backup.commands": {
        "backup": "Write a backup of this instance into one file while it runs: database, bundles, drives.",
        "restore": "Restore a backup into an empty home, or an empty DATABASE_URL, completely or not at all.",
    },
    "deletion_commands": {
        "retention": "Delete data past its retention period now; a running instance does this every hour."
    },
    "secret_keys": {"secrets": "Manage the key that encrypts secrets at rest."},
}
"""The commands of each module with their help text. Only the module of the requested command is imported."""
MODULES_WITHOUT_TABLES: Final = ("up.command", "demo.command", "serve_commands")
"""Modules that do not use tables."""
_OPTIONS: Final = {"--version": "Print the version.", "--help": "Print this message."}
_MAX_WIDTH: Final = 100


def help_text() -> str:
    """Return the help of the program with a list of all commands."""
    commands = {name: text for names in COMMANDS_BY_MODULE.values() for name, text in names.items()}
    return "\n".join(
        [
            "Usage: puras-studio [OPTIONS] COMMAND [ARGS]...",
            "",
            "Operate an instance of Puras Studio.",
            "",
            "Options:",
            *_rows(_OPTIONS),
            "",
            "Commands:",
            *_rows(commands),
            "",
            "`puras-studio COMMAND --help` describes a command.",
        ]
    )


def _rows(texts: Mapping[str, str]) -> list[str]:
    column = max(map(len, texts)) + 4
    width = min(shutil.get_terminal_size().columns, _MAX_WIDTH)
    return [
        textwrap.fill(text, width, initial_indent=f"  {name}".ljust(column), subsequent_indent=" " * column)
        for name, text in texts.items()
    ]
