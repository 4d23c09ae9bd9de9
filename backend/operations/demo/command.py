"""The command `env`: print the variables that connect a shell to the demo project."""

from __future__ import annotations

import shlex

import typer

from backend.config import Settings, settings
from backend.operations.errors import NoDemoProject
from backend.operations.locks import is_served, served_ports

KEY_FILE = "demo-key"


def register(app: typer.Typer) -> None:
    """Add this command to the operator's CLI."""
    app.command("env")(env)


def env() -> None:
    """Print shell commands that set PURAS_API_BASE and PURAS_API_KEY of the demo project."""
    configured = settings()
    variables = {"PURAS_API_BASE": configured.local_url, "PURAS_API_KEY": _read_key(configured)}
    _warn_about_port(configured)
    for name, value in variables.items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def _warn_about_port(configured: Settings) -> None:
    """Print a warning if the instance runs, but on another port: each request of the shell would fail."""
    ports = served_ports(configured.home)
    if ports and not is_served(configured.home, configured.port):
        typer.echo(
            f"puras-studio: warning: The instance does not run on port {configured.port}, but on port {ports[0]}. "
            f"Set PURAS_PORT={ports[0]} and run this command again.",
            err=True,
        )


def _read_key(configured: Settings) -> str:
    """Return the API key of the demo project.

    Raises:
        NoDemoProject: The file of the key does not exist, is not readable, or is empty.
    """
    file = configured.home / KEY_FILE
    try:
        api_key = file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise NoDemoProject(file, "it does not exist") from None
    except OSError as error:
        raise NoDemoProject(file, error.strerror or str(error)) from error
    except UnicodeDecodeError:
        raise NoDemoProject(file, "it does not contain an API key") from None
    if not api_key:
        raise NoDemoProject(file, "it is empty")
    return api_key
