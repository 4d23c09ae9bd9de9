"""Messages about missing sandbox layers: each names the layer, the reason and the fix."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from workers.sandbox.isolation import explanations
from workers.sandbox.isolation.explanations import Kernel

BWRAP = Path("/bin/sh")  # any executable program
DENIED = "bwrap: No permissions to create a new namespace, likely because the kernel does not allow it"
PLAIN = Kernel(is_root=False, max_user_namespaces=15_000, apparmor_restricts=False, clone_forbidden=False)


@pytest.mark.parametrize(
    ("kernel", "error", "expected"),
    [
        (
            replace(PLAIN, max_user_namespaces=0),
            "Creating new namespace failed: No space left",
            "user.max_user_namespaces=15000",
        ),
        (
            replace(PLAIN, apparmor_restricts=True),
            "setting up uid map: Permission denied",
            "apparmor_restrict_unprivileged_userns=0",
        ),
        (replace(PLAIN, clone_forbidden=True), DENIED, "kernel.unprivileged_userns_clone=1"),
        (PLAIN, DENIED, "seccomp profile that allows them"),
        (replace(PLAIN, is_root=True), "Operation not permitted", "the capability SYS_ADMIN"),
    ],
)
def test_each_bubblewrap_error_has_a_fix(kernel: Kernel, error: str, expected: str) -> None:
    message = explanations.bwrap_failed(BWRAP, error, kernel)
    assert expected in message
    assert error in message


def test_start_failure_names_the_library_only_if_it_is_unreadable() -> None:
    unreadable = explanations.never_started(3, "/root/python")
    assert "under /root/python" in unreadable
    assert "install the package bubblewrap" in unreadable
    assert "out of memory" not in unreadable
    assert "library" not in explanations.never_started(3, None)
