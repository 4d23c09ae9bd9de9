"""The compose file, the systemd units and the example of settings contain only existing names."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from pydantic.fields import FieldInfo
from typer.core import TyperGroup
from typer.main import get_command

from backend.config import Settings
from backend.operations.command_table import COMMANDS_BY_MODULE, MODULES_WITHOUT_TABLES
from backend.operations.commands import commands
from backend.tables import metadata

ROOT = Path(__file__).parents[3]
UNITS = sorted((ROOT / "docs" / "deploy" / "systemd").glob("*.service"))
OTHER_VARIABLES = {"POSTGRES_PASSWORD", "VALKEY_PASSWORD", "OTEL_EXPORTER_OTLP_ENDPOINT"}


def _setting_name(name: str, field: FieldInfo) -> str:
    return str(field.validation_alias or f"PURAS_{name.upper()}")


SETTINGS = {_setting_name(name, field) for name, field in Settings.model_fields.items()}


def _lines(app: typer.Typer) -> dict[str, str]:
    """Return each command with the first line of its help."""
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    return {name: (one.help or "").splitlines()[0] for name, one in group.commands.items()}


COMMANDS = set(_lines(commands()))


@pytest.mark.parametrize("lines", COMMANDS_BY_MODULE.values(), ids=COMMANDS_BY_MODULE)
def test_command_module_has_its_listed_commands(lines: dict[str, str]) -> None:
    assert {name: _lines(commands(name)) for name in lines} == dict.fromkeys(lines, lines)


def test_command_list_has_every_command_with_its_help() -> None:
    every = {name: line for lines in COMMANDS_BY_MODULE.values() for name, line in lines.items()}
    assert _lines(commands("--help")) == _lines(commands()) == _lines(commands("no-such-command")) == every


def test_command_module_alone_registers_every_table() -> None:
    """Check the commands that serve: they migrate the database first, and need all tables for it."""
    names = [
        next(iter(one)) for part, one in COMMANDS_BY_MODULE.items() if part not in MODULES_WITHOUT_TABLES
    ]
    code = f"""
import os
from backend.core.db.engine import metadata
from backend.operations.commands import commands

for name in {names!r}:
    if not os.fork():  # a process for each command, which shares the import of the libraries
        commands(name)
        print(len(metadata.sorted_tables), flush=True)
        os._exit(0)
    os.wait()
"""
    counted = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert counted.stdout.split() == [str(len(metadata.tables))] * len(names), counted.stderr


def test_compose_file_is_valid() -> None:
    linter = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [linter, "--builtin-schema", "vendor.compose-spec", ROOT / "compose.yaml"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_compose_file_contains_only_existing_names() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    services: dict[str, dict[str, Any]] = compose["services"]
    ours = {name: service for name, service in services.items() if service["image"].startswith("puras-")}
    assert set(ours) == {"migrate", "api", "worker"}
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services), name
        assert set(service["networks"]) <= set(compose["networks"]), name
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in compose["volumes"], name
    for name, service in ours.items():
        assert service["command"][0] in COMMANDS, name
        assert set(service["environment"]) <= SETTINGS, name


def test_only_the_worker_is_unconfined_and_no_service_has_capabilities() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    for name in ("api", "worker"):
        assert services[name]["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in services[name]["security_opt"], name
    assert [option for option in services["api"]["security_opt"] if "unconfined" in option] == []
    assert services["worker"]["environment"]["PURAS_SANDBOX"] == "strict"
    assert not any("privileged" in service for service in services.values())


def test_health_check_uses_the_port_of_the_worker_pool() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    worker = services["worker"]
    port = worker["environment"].get("PURAS_WORKER_HEALTH_PORT")
    assert port is not None
    assert f"http://127.0.0.1:{port}/live" in worker["healthcheck"]["test"][-1]
    assert "ports" not in worker


def test_databases_are_only_on_the_internal_network() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    assert compose["networks"]["inside"]["internal"] is True
    for name in ("postgres", "valkey"):
        assert compose["services"][name]["networks"] == ["inside"]
        assert "ports" not in compose["services"][name]
    assert all(port.startswith("127.0.0.1:") for port in compose["services"]["api"]["ports"])


def test_settings_example_contains_only_existing_settings() -> None:
    text = (ROOT / "docs" / "deploy" / "env.example").read_text(encoding="utf-8")
    names = set(re.findall(r"^#?([A-Z][A-Z_0-9]+)=", text, re.MULTILINE))
    assert names - OTHER_VARIABLES <= SETTINGS


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_unit_runs_an_existing_command_as_an_unprivileged_user(unit: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    commands = re.findall(
        r"^ExecStart(?:Pre)?=/opt/puras-studio/\.venv/bin/puras-studio (\S+)", text, re.MULTILINE
    )
    assert commands
    assert set(commands) <= COMMANDS
    assert "\nUser=puras\n" in text
    assert "\nNoNewPrivileges=yes\n" in text
    assert "\nCapabilityBoundingSet=\n" in text


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_units_are_valid_for_systemd(unit: Path, tmp_path: Path) -> None:
    verifier = shutil.which("systemd-analyze")
    if verifier is None:
        pytest.skip("systemd-analyze is not installed on this host")
    text = unit.read_text(encoding="utf-8").replace("/opt/puras-studio", str(ROOT))
    copy = tmp_path / unit.name
    copy.write_text(re.sub(r"^(User|Group)=.*\n", "", text, flags=re.MULTILINE), encoding="utf-8")
    done = subprocess.run(
        [verifier, "verify", "--man=no", copy], capture_output=True, text=True, timeout=60, check=False
    )
    complaints = [line for line in done.stderr.splitlines() if unit.name in line]
    assert complaints == [], done.stderr
