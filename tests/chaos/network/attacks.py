"""The attacker: a skill that requests forbidden URLs and addresses in every known notation.

The file is copied into a bundle unchanged. It returns responses as "403 …", "400 …" or as their content.
"""

# ruff: noqa: PTH118, PTH120
# (the code imitates that of an attacker)

import os
import socket
import ssl
import subprocess
import urllib.error
import urllib.parse
import urllib.request

HERE = os.path.dirname(__file__)
AUTHORITY = os.path.join(HERE, "authority.pem")


def run(inputs):
    """Run the function that the inputs name."""
    return globals()[inputs["do"]](inputs)


def fetch(inputs):
    """Fetch URLs through the proxy, as programs usually do."""
    return {url: _fetch(url) for url in inputs["urls"]}


def send_raw(inputs):
    """Send raw bytes to the proxy."""
    return [_send_raw(text.encode("latin-1")) for text in inputs["texts"]]


def post(inputs):
    """Send a large request body through the proxy."""
    body = b"x" * inputs["bytes"]
    with urllib.request.urlopen(inputs["url"], body, timeout=20) as response:
        return response.read().decode()


def kit(inputs):
    """Fetch URLs with the `puras` package."""
    os.environ["SSL_CERT_FILE"] = AUTHORITY
    from puras import inputs as kit_inputs

    found = {}
    for url in inputs["urls"]:
        try:
            found[url] = len(kit_inputs.load_bytes(url))
        except ValueError as error:
            found[url] = str(error)
    return found


def client(inputs):
    """Fetch URLs with a common third-party client, which reads the proxy variables itself."""
    import asyncio

    import httpx

    context = ssl.create_default_context(cafile=AUTHORITY)

    async def fetch_async(url):
        async with httpx.AsyncClient(verify=context) as one:
            return (await one.get(url, timeout=20)).text

    found = {}
    for url in inputs["urls"]:
        try:
            with httpx.Client(verify=context) as one:
                found[url] = [
                    one.get(url, timeout=20).text,
                    one.get(url, timeout=20).text,
                    asyncio.run(fetch_async(url)),
                ]
        except httpx.HTTPError as error:
            found[url] = f"{type(error).__name__}: {error}"
    return found


def program(inputs):
    """Fetch a URL with a program that is not Python, where it is installed."""
    done = subprocess.run(
        ["curl", "-sS", "--cacert", AUTHORITY, "--max-time", "20", inputs["url"]],
        capture_output=True,
        text=True,
    )
    return done.stdout or done.stderr


def direct(inputs):
    """Connect without the proxy."""
    found = {}
    for host, port in inputs["addresses"]:
        try:
            with socket.create_connection((host, port), timeout=2) as one:
                one.sendall(b"GET / HTTP/1.0\r\n\r\n")
                found[f"{host} {port}"] = f"OPEN: {one.recv(100)!r}"
        except OSError as error:
            found[f"{host} {port}"] = f"closed: {type(error).__name__}"
    try:
        socket.getaddrinfo("api.example.org", 80)
        found["names"] = "OPEN"
    except OSError as error:
        found["names"] = f"closed: {type(error).__name__}"
    return found


def _fetch(url):
    context = ssl.create_default_context(cafile=AUTHORITY)
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(url, timeout=20) as response:
            return response.read(200).decode("latin-1")
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.reason} {error.headers.get('X-Puras-Refusal')}"
    except (OSError, ValueError) as error:
        return str(error)


def _send_raw(text):
    proxy = urllib.parse.urlsplit(os.environ["http_proxy"])
    with socket.create_connection((proxy.hostname, proxy.port), timeout=20) as one:
        one.sendall(text)
        response = b""
        while data := one.recv(1 << 16):
            response += data
            if b"\r\n" in response and not response.startswith(b"HTTP/1.1 200"):
                break
    return response.split(b"\r\n", 1)[0].decode("latin-1") + " " + response[-80:].decode("latin-1")
