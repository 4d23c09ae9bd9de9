"""Serve `/share`, a page that shows one skill to everyone who has its link: a form, and a chat if the key allows it.

The link names the skill and a publishable key behind `#`, which browsers do not send: no server log contains the key.
Revoking the key ends the link.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from studio import embed_script
from studio.files import sources_in
from studio.standalone_page import StandalonePage

URL_PATH: Final = "/share"
_STYLE: Final = """
:root { color-scheme: light dark; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; background: light-dark(#f6f7f9, #16181c); }
main { max-width: 40rem; margin: 8vh auto; padding: 0 1rem; }
"""
# The script element is created by a script, because its attributes come from the link.
_SCRIPT: Final = """
const link = new URLSearchParams(location.hash.slice(1));
const script = document.createElement("script");
script.dataset.skill = link.get("skill") ?? "";
script.dataset.key = link.get("key") ?? "";
script.dataset.mode = "both";
script.src = "/embed.js";
addEventListener("hashchange", () => location.reload());
addEventListener("DOMContentLoaded", () => {
  document.title = script.dataset.skill || "Skill";
  const main = document.querySelector("main");
  if (script.dataset.skill && script.dataset.key) main.append(script);
  else main.textContent = "This link is not complete. Ask the sender for the whole link.";
});
"""
_PAGE: Final = StandalonePage("Skill", _STYLE, _SCRIPT)


def link(origin: str, skill: str, key: str) -> str:
    """Return the link of a page that runs the skill with a publishable key."""
    return f"{origin}{URL_PATH}#{urlencode({'skill': skill, 'key': key}, safe='/')}"


class SharePage:
    """The route of the page, which is the same for all links."""

    def __init__(self, public_url: str) -> None:
        self._public_host = urlsplit(public_url).netloc

    async def respond(self, request: Request) -> Response:
        """Return the page with a policy that allows only its own script and `/embed.js`."""
        script = sources_in(
            embed_script.URL_PATH.strip("/"), request.headers.get("host", ""), self._public_host
        )
        return _PAGE.respond(script)
