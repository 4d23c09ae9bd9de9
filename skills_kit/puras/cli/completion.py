"""The command `puras completion bash|zsh|fish`, which derives the completion of a shell from the commands."""

from __future__ import annotations

import sys
from argparse import Action, ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from puras.cli import exits
from puras.cli.session import Session, command

_SETUP: Final = {
    "bash": 'eval "$(puras completion bash)"',
    "zsh": 'eval "$(puras completion zsh)"',
    "fish": "puras completion fish | source",
}
"""The line that enables completion in each shell."""


class Place(NamedTuple):
    """A command with its subcommands and options."""

    path: str
    """`drive cp`; empty for `puras` itself."""
    commands: dict[str, str]
    """Descriptions by name."""
    options: dict[str, str]


def add(commands: Any, whole: Callable[[], ArgumentParser]) -> None:
    """Add the command, which prints a script for all commands."""

    def handler(arguments: Namespace, session: Session) -> int:
        sys.stdout.write(script(arguments.shell, whole()))
        return exits.OK

    parser = command(
        commands, "completion", handler, "Print a completion script for a shell.", _SETUP["bash"]
    )
    others = ", ".join(f"{shell}: `{line}`" for shell, line in _SETUP.items() if shell != "bash")
    parser.add_argument("shell", choices=sorted(_SETUP), help=f"the shell; {others}")


def script(shell: str, whole: ArgumentParser) -> str:
    """Return the script for the shell."""
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](list(places(whole)))


def places(parser: ArgumentParser, path: str = "") -> Iterator[Place]:
    """Yield the command and all its subcommands."""
    below = subparsers(parser)
    helps = {one.dest: str(one.help or "") for action in _groups(parser) for one in action._choices_actions}
    options = {
        option: _described(action)
        for action in parser._actions
        for option in action.option_strings
        if option.startswith("--") or len(action.option_strings) == 1
    }
    yield Place(path, {name: helps.get(name, "") for name in below}, options)
    for name, one in below.items():
        yield from places(one, f"{path} {name}".strip())


def subparsers(parser: ArgumentParser) -> dict[str, ArgumentParser]:
    """Return the subcommands of a command by their names."""
    return {name: one for action in _groups(parser) for name, one in action.choices.items()}


def _groups(parser: ArgumentParser) -> list[Any]:
    return [action for action in parser._actions if isinstance(action, _SubParsersAction)]


def _described(action: Action) -> str:
    return str(action.help or "").replace("%(default)s", str(action.default)).split(";", maxsplit=1)[0]


def _bash(all_places: list[Place]) -> str:
    cases = "".join(
        f'    "{place.path}") words="{" ".join([*place.commands, *place.options])}" ;;\n'
        for place in all_places
    )
    known = "|".join(f'"{place.path}"' for place in all_places if place.path)
    return f"""\
_puras() {{
  local here="" word words="" next
  local index
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="${{COMP_WORDS[index]}}"
    next="${{here:+$here }}$word"
    case "$next" in
      {known}) here="$next" ;;
    esac
  done
  case "$here" in
{cases}  esac
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _puras puras
"""


def _zsh(all_places: list[Place]) -> str:
    cases = "".join(
        f"    {_quoted(place.path)}) offered=({' '.join(_offered(place))}) ;;\n" for place in all_places
    )
    known = "|".join(_quoted(place.path) for place in all_places if place.path)
    return f"""\
#compdef puras
_puras() {{
  local here="" next index
  local -a offered
  for ((index = 2; index < CURRENT; index++)); do
    next="${{here:+$here }}${{words[index]}}"
    case "$next" in
      {known}) here="$next" ;;
    esac
  done
  case "$here" in
{cases}  esac
  _describe puras offered
  _files
}}
compdef _puras puras
"""


def _offered(place: Place) -> Iterator[str]:
    for name, description in {**place.commands, **place.options}.items():
        yield _quoted(f"{name}:{description}".replace("\n", " "))


def _fish(all_places: list[Place]) -> str:
    lines = ["complete -c puras -e"]
    for place in all_places:
        words = place.path.split()
        seen = (
            "; and ".join(f"__fish_seen_subcommand_from {word}" for word in words) or "__fish_use_subcommand"
        )
        for name, description in place.commands.items():
            others = f"; and not __fish_seen_subcommand_from {' '.join(place.commands)}" if words else ""
            lines.append(
                f"complete -c puras -f -n {_quoted(seen + others)} -a {name} -d {_quoted(description)}"
            )
        for option, description in place.options.items():
            kind = f"-l {option[2:]}" if option.startswith("--") else f"-s {option[1:]}"
            lines.append(f"complete -c puras -n {_quoted(seen)} {kind} -d {_quoted(description)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "’") + "'"
