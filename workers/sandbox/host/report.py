"""Report what confines jobs on this host: `python -m workers.sandbox.host.report [--json] [--mode auto|strict|off]`."""

from __future__ import annotations

import argparse
import json
import platform
import sys

from workers.sandbox.isolation.layers import Layers, probe


def main() -> int:
    """Print the layers; return 1 if jobs can reach files or the network of the host."""
    parser = argparse.ArgumentParser(prog="python -m workers.sandbox.host.report", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.add_argument(
        "--mode", choices=("auto", "strict", "off"), default="auto", help="value of PURAS_SANDBOX"
    )
    options = parser.parse_args()
    layers = probe(options.mode)
    sys.stdout.write(json.dumps(_facts(layers)) + "\n" if options.json else _lines(layers))
    return 0 if layers.closed else 1


def _facts(layers: Layers) -> dict[str, object]:
    return {
        "layers": layers.names,
        "closed": layers.closed,
        "reachable": layers.reachable,
        "bwrap": str(layers.bwrap) if layers.bwrap else None,
        "landlock_abi": layers.landlock_abi,
        "seccomp": layers.seccomp,
        "architecture": platform.machine(),
        "problems": list(layers.problems),
    }


def _lines(layers: Layers) -> str:
    lines = [
        "jobs cannot access files, network and other processes"
        if layers.closed
        else f"jobs can reach: {', '.join(layers.reachable)}",
        f"layers: {', '.join(layers.names)}",
    ]
    return "\n".join([*lines, *(f"missing: {problem}" for problem in layers.problems)]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
