"""Validate values of skill.yaml with their own rules: names, entrypoints, schemas and hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal
from uuid import UUID

from backend.core.names import MAX_NAME, NAME_PATTERN, as_name, is_name
from backend.core.net.host_patterns import MAX_HOSTS, parse_host
from backend.skills.manifest.keys import Key
from backend.skills.manifest.reader import read_value, texts
from backend.skills.schemas.messages import shown

if TYPE_CHECKING:
    from backend.skills.manifest.skill_reader import Section

NAME_SCHEMA: Final = {"type": "string", "pattern": NAME_PATTERN, "maxLength": MAX_NAME}
PII: Final = (
    *("email", "phone", "iban", "card"),
    *("us_ssn", "uk_nino", "es_nif", "fr_nir", "pl_pesel", "br_cpf", "de_steuer_id", "it_cf"),
)
"""Kinds of personal data that are recognized by their form."""


def name_of(what: str) -> Key:
    """Return the rule for a name of something."""

    def check(section: Section, key: str, value: str) -> str:
        if not is_name(value):
            section.error(key, f"{shown(value)} is not a valid name of a {what}. Write {as_name(value)!r}.")
        return value

    return Key(check=check, schema=NAME_SCHEMA)


def _lane(section: Section, key: str, value: str) -> str:
    if not is_name(value):
        allowed = f"a-z, 0-9, '-' and '_', at most {MAX_NAME} characters"
        section.error(key, f"{shown(value)} is not a valid lane. Use {allowed}.")
    return value


def _slug(section: Section, key: str, value: str) -> str:
    if not is_name(value):
        fix = f"a-z, 0-9, '_' and '-', at most {MAX_NAME} characters. Write 'slug: {as_name(value)}'"
        section.error(key, f"{shown(value)} is not a valid slug of a skillpack: {fix}.")
    return value


def _skillpack_id(section: Section, key: str) -> str | None:
    value = section.raw(key)
    try:
        return str(value) if isinstance(value, str) and UUID(value) else None
    except ValueError:
        return None


def _function(section: Section, key: str, value: str) -> str:
    section.reading.check_function(section, key, value)
    return value


def _value_schema(section: Section, key: str) -> dict[str, Any] | None:
    return section.reading.schema(section, key)


def _network(section: Section, key: str) -> Any:
    if not isinstance(section.raw(key), list):
        return read_value(section, key, Literal["none", "public"])
    hosts = [host.lower() for host in texts(section, key)]
    for index, host in enumerate(hosts):
        if parse_host(host) is None:
            forms = "'api.example.org', '*.example.org' or 'api.example.org:8443', without https://"
            section.error((key, index), f"{shown(host)} is not a valid host. Write {forms}.")
    if len(hosts) > MAX_HOSTS:
        limit = f"at most {MAX_HOSTS} are allowed. Use '*.example.org'"
        section.error(key, f"{key!r} lists {len(hosts)} hosts, and {limit}.")
    return list(dict.fromkeys(hosts))


FUNCTION_RULE: Final = Key(
    check=_function, schema={"type": "string", "pattern": r"^[\w./-]+\.py:[A-Za-z_]\w*$"}
)
SCHEMA_RULE: Final = Key(read=_value_schema, schema={"$ref": "#/$defs/schema"})
LANE_RULE: Final = Key(check=_lane, schema=NAME_SCHEMA)
SLUG_RULE: Final = Key(most=200, check=_slug)
ID_RULE: Final = Key(read=_skillpack_id)
NETWORK_RULE: Final = Key(
    read=_network,
    schema={"anyOf": [{"enum": ["none", "public"]}, {"type": "array", "items": {"type": "string"}}]},
)
