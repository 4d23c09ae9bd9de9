"""Open gateways out of the network namespace.

They are sockets that are created inside it, and on which outside processes accept.
"""

from __future__ import annotations

import _socket as socket  # without the enumerations of `socket`

from . import wire
from .lean import NamedTuple

TYPE_CHECKING = False  # type checkers know this name
if TYPE_CHECKING:
    from typing import Final

_HOST: Final = "127.0.0.1"
_OWN_LOOPBACK: Final = f"{_HOST},localhost"
"""Without IPv6, which some clients cannot read in this list."""
_BACKLOG: Final = 64
_PROXIED: Final = tuple(
    spelling for name in ("http_proxy", "https_proxy", "all_proxy") for spelling in (name, name.upper())
)


class GatewayPorts(NamedTuple):
    """The ports on the loopback of the sandbox on which gateways listen."""

    broker: int | None = None
    """Forwards requests to the API of the instance."""
    egress: int | None = None
    """Forwards requests to the internet, as far as the skill's `network` allows."""

    @property
    def ports(self) -> list[int]:
        """All ports that a job may connect to."""
        return [port for port in self if port is not None]

    def variables(self) -> dict[str, str]:
        """Return the environment variables with which programs find the gateways."""
        found = {}
        if self.broker is not None:
            found["PURAS_API_BASE"] = f"http://{_HOST}:{self.broker}"
        if self.egress is not None:
            found.update(dict.fromkeys(_PROXIED, f"http://{_HOST}:{self.egress}"))
            found.update(dict.fromkeys(("no_proxy", "NO_PROXY"), _HOST))
        return found

    def loopback_variables(self) -> dict[str, str]:
        """Return the variables for connections to the job's own servers.

        The proxy would reject `localhost`.
        """
        return {} if self.egress is None else dict.fromkeys(("no_proxy", "NO_PROXY"), _OWN_LOOPBACK)

    def variables_of(self, job: int) -> dict[str, str]:
        """Return the variables of one job: its requests name it, so that rejections are recorded for it."""
        if self.egress is None:
            return {}
        return dict.fromkeys(_PROXIED, f"http://job:{job}@{_HOST}:{self.egress}")


def hand_out(control: socket.socket, *, egress: bool, broker: bool = True) -> GatewayPorts:
    """Create the sockets and send them to the worker."""
    return GatewayPorts(
        _listen(control, "broker") if broker else None, _listen(control, "egress") if egress else None
    )


def _listen(control: socket.socket, name: str) -> int:
    listener = socket.socket()
    listener.bind((_HOST, 0))
    listener.listen(_BACKLOG)
    wire.send(control, {"type": name}, [listener.fileno()])
    port: int = listener.getsockname()[1]
    listener.close()
    return port
