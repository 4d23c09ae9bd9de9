"""Connections to addresses of tenants use the guarded transports, and one function decides which addresses are public.

The test reads the code for all places that open a connection. Each one either passes a guarded transport to its
client, or is listed here with the destination that the operator has configured. Unused entries are errors.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import pytest

ROOT: Final = Path(__file__).parents[2]
SCANNED: Final = ("backend", "workers", "studio", "mcp", "skills_kit/puras")

GUARDED: Final = {"GuardedTransport", "ProjectTransport", "CredentialedTransport"}
"""The transport that resolves a name once, checks every address, and connects to a checked one; and its wrappers."""
CALLERS: Final = {
    "backend/integrations/media/download.py": "PublicDestinations",
    "backend/integrations/providers/probing.py": "PublicDestinations",
    "backend/integrations/webhooks/sending.py": "PublicDestinations",
    "workers/llm/transport.py": "PublicDestinations",
    "backend/integrations/web/fetching.py": "EgressDestinations",
    "backend/integrations/mcp_servers/connection.py": "EgressDestinations",
    "backend/data/memory/embedding.py": "OPERATOR",
    "backend/integrations/media/fal/queue.py": "OPERATOR",
}
"""The modules that call servers through the guarded transport, and the allowed destinations."""
GUARDS: Final = {
    "backend/core/net/egress/connector.py": "connects to the addresses that its `addresses_of` has checked",
    "backend/core/net/transport.py": "is the guarded transport",
    "skills_kit/puras/_http.py": "connects to the address that it has checked; the rest goes to the instance",
}
OPERATOR: Final = {
    "backend/operations/checks/models.py": "the operator's own command checks the endpoints of the catalog",
    "backend/operations/demo/rest.py": "the operator's own command calls this instance",
    "backend/operations/up/welcome.py": "the operator's own command waits for this instance",
    "backend/storage/supabase/bucket.py": "SUPABASE_URL",
    "backend/integrations/web/search.py": "PURAS_SEARCH_URL",
    "backend/integrations/webhooks/mailer.py": "PURAS_SMTP_URL",
    "workers/llm/selection.py": "endpoints of the catalog; a project's own URL goes through ProjectTransport",
    "workers/sandbox/host/broker.py": "PURAS_API_URL, or this host",
    "workers/sandbox/packages/downloads.py": "the package index of the operator's settings",
    "mcp/puras_mcp/api.py": "runs on a user's machine, and calls the instance that the user has configured",
    "skills_kit/puras/cli/local.py": "runs on a user's machine, and waits for a server that it has started itself",
    "skills_kit/puras/client/files.py": "runs on a user's machine, and opens the URL that its instance has returned",
    "skills_kit/puras/client/transport.py": "runs on a user's machine, and calls the instance of its user",
}
OPENERS: Final = {
    *(f"{library}.{name}" for library in ("httpx", "httpx2") for name in ("AsyncClient", "Client", "stream")),
    *(
        f"{library}.{name}"
        for library in ("httpx", "httpx2")
        for name in ("AsyncHTTPTransport", "HTTPTransport")
    ),
    *(
        f"{library}.{verb}"
        for library in ("httpx", "httpx2", "requests")
        for verb in ("get", "post", "put", "patch", "delete", "head", "options", "request")
    ),
    *("requests.Session", "aiohttp.ClientSession", "aiohttp.request", "urllib3.PoolManager"),
    *("urllib.request.urlopen", "urllib.request.urlretrieve", "urllib.request.build_opener"),
    *("urllib.request.OpenerDirector", "http.client.HTTPConnection", "http.client.HTTPSConnection"),
    *("asyncio.open_connection", "socket.create_connection", "smtplib.SMTP", "smtplib.SMTP_SSL"),
    *("ftplib.FTP", "websockets.connect", "websockets.sync.client.connect"),
}
_OF_COMMON_MODULES: Final = ("asyncio.", "socket.", "http.")
WORDS: Final = {
    one.rpartition(".")[2] if one.startswith(_OF_COMMON_MODULES) else one.partition(".")[0] for one in OPENERS
}
"""Every file that uses one of these contains one of the words."""
PROPERTIES: Final = {
    *(
        "is_private",
        "is_global",
        "is_loopback",
        "is_link_local",
        "is_site_local",
        "is_reserved",
        "is_multicast",
    ),
    *("is_unspecified", "ipv4_mapped", "sixtofour", "teredo"),
}
"""Properties of addresses: code that uses one makes a decision that only `is_public` should make."""
OTHER_MEANING: Final = {"skills_kit/puras/notebook/checks.py": "`is_global` of a symbol table"}


class Found(NamedTuple):
    """A location in the code."""

    file: str
    line: int
    name: str


def sources(words: Collection[str]) -> Iterator[tuple[str, ast.Module]]:
    """Yield the syntax trees of the files that contain one of the words."""
    for file, text in texts():
        if any(word in text for word in words):
            yield file, ast.parse(text)


@cache
def texts() -> list[tuple[str, str]]:
    return [
        (file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8"))
        for folder in SCANNED
        for file in sorted((ROOT / folder).rglob("*.py"))
        if "templates" not in file.parts
    ]


def names_of(tree: ast.Module) -> dict[str, str]:
    """Return the full names of the imported names of a module."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                found[one.asname or one.name.partition(".")[0]] = (
                    one.name if one.asname else one.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for one in node.names:
                found[one.asname or one.name] = f"{node.module}.{one.name}"
    return found


def full_name(node: ast.expr, names: dict[str, str]) -> str:
    """Return the full name of an expression, such as `httpx.AsyncClient`, whatever the module calls it."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{full_name(node.value, names)}.{node.attr}"
    return ""


def opened(tree: ast.Module, file: str) -> Iterator[Found]:
    """Yield every use of a function that opens connections, except clients with a guarded transport."""
    names = names_of(tree)
    guarded = {
        id(node.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and (is_guarded(node, tree) or wraps_a_socket(node))
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Name | ast.Attribute) or id(node) in guarded:
            continue
        if (name := full_name(node, names)) in OPENERS and not is_annotation(node, tree):
            yield Found(file, node.lineno, name)


def is_guarded(call: ast.Call, tree: ast.Module) -> bool:
    """Return whether `transport=` of a client is a guarded transport, directly or through a variable of the module."""
    transport = next((keyword.value for keyword in call.keywords if keyword.arg == "transport"), None)
    if isinstance(transport, ast.Name):
        values = [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            and any(isinstance(target, ast.Name) and target.id == transport.id for target in node.targets)
        ]
        return bool(values) and all(map(makes_guarded, values))
    return transport is not None and makes_guarded(transport)


def wraps_a_socket(call: ast.Call) -> bool:
    """Return whether a call creates streams for an open socket."""
    return any(keyword.arg == "sock" for keyword in call.keywords) and not call.args


def makes_guarded(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in GUARDED


def is_annotation(node: ast.expr, tree: ast.Module) -> bool:
    """Return whether a name is only an annotation."""
    for parent in ast.walk(tree):
        inside: list[ast.expr | None] = []
        if isinstance(parent, ast.arg | ast.AnnAssign):
            inside = [parent.annotation]
        elif isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = [parent.returns]
        if any(node in ast.walk(one) for one in inside if one is not None):
            return True
    return False


def uses_of_properties(tree: ast.Module, file: str) -> Iterator[Found]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in PROPERTIES:
            yield Found(file, node.lineno, node.attr)


def test_one_function_decides_which_addresses_are_public() -> None:
    found = [one for file, tree in sources(PROPERTIES) for one in uses_of_properties(tree, file)]
    assert {one.file for one in found} == set(OTHER_MEANING), [
        one for one in found if one.file not in OTHER_MEANING
    ]


def test_every_connection_is_guarded_or_configured_by_the_operator() -> None:
    found = [one for file, tree in sources(WORDS) for one in opened(tree, file)]
    listed = {*GUARDS, *OPERATOR}
    assert not [one for one in found if one.file not in listed], (
        "use GuardedTransport, or list the destination"
    )
    assert {one.file for one in found} == listed, "remove the unused entry"


@pytest.mark.parametrize(("file", "destinations"), CALLERS.items())
def test_caller_uses_the_guarded_transport(file: str, destinations: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    guarded = [
        node
        for node in calls
        if isinstance(node.func, ast.Name) and node.func.id in ("GuardedTransport", "guarded_client")
    ]
    assert guarded
    assert names_of(tree)[destinations] == f"backend.core.net.destinations.{destinations}"
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert destinations in used


@pytest.mark.parametrize(
    "code",
    [
        "import httpx\nhttpx.AsyncClient()",
        "import httpx as h\nh.get('x')",
        "from httpx import AsyncClient as C\nC(timeout=1)",
        "import httpx2\nhttpx2.AsyncClient(transport=httpx2.AsyncHTTPTransport())",
        "import httpx\ntransport = httpx.AsyncHTTPTransport()\nhttpx.AsyncClient(transport=transport)",
        "import httpx\nmake = httpx.AsyncClient\nmake()",
        "import urllib.request\nurllib.request.urlopen('x')",
        "from urllib.request import urlopen\nurlopen('x')",
        "import asyncio\nasyncio.open_connection('x', 1)",
        "from http.client import HTTPConnection\nHTTPConnection('x')",
        "import requests\nrequests.Session()",
    ],
)
def test_unguarded_connection_is_found(code: str) -> None:
    assert list(opened(ast.parse(code), "x.py"))


@pytest.mark.parametrize(
    "code",
    [
        "import httpx2\nhttpx2.AsyncClient(transport=GuardedTransport())",
        "import httpx2\ntransport = GuardedTransport()\nhttpx2.AsyncClient(transport=transport)",
        "import httpx\ndef f(client: httpx.AsyncClient) -> httpx.AsyncClient: ...",
        "import httpx\nhttpx.Request('GET', 'x')",
    ],
)
def test_guarded_connection_is_accepted(code: str) -> None:
    assert not list(opened(ast.parse(code), "x.py"))


def test_other_check_of_an_address_is_found() -> None:
    assert list(
        uses_of_properties(ast.parse("import ipaddress\nipaddress.ip_address('x').is_private"), "x.py")
    )
    assert list(uses_of_properties(ast.parse("a.is_global and not a.is_multicast"), "x.py"))
