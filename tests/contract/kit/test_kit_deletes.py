"""Check `drive.delete` and `drive.fetch` with live and staged drives, and their events."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.contract.kit.conftest import RunKit


def test_a_deleted_file_is_removed_and_reported(run_kit: RunKit, tmp_path: Path) -> None:
    ran = run_kit("from puras import drive\ndrive.save('a/b.txt', 'x')\ndrive.delete('./drive/a/b.txt')")
    assert ran.events == [{"type": "drive_deleted", "path": "a/b.txt"}]
    assert not (tmp_path / "drive/a/b.txt").exists()


def test_only_files_of_the_drive_are_deleted(run_kit: RunKit, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("kept")
    (tmp_path / "drive/link").symlink_to(tmp_path / "outside")
    code = """
from puras import drive
for name in ("gone.txt", "../outside", "", ".", "link"):
    try:
        drive.delete(name)
    except drive.DriveError as error:
        print(error)
"""
    ran = run_kit(code)
    assert (ran.events, ran.stdout.count("\n")) == ([], 5)
    assert (tmp_path / "outside").read_text() == "kept"


def test_fetch_returns_the_path_of_a_file_in_the_drive(run_kit: RunKit, tmp_path: Path) -> None:
    (tmp_path / "drive/a.txt").write_text("x")
    code = """
from puras import drive
print(drive.fetch("a.txt"))
try:
    drive.fetch("gone.txt")
except drive.DriveError as error:
    print(error)
"""
    assert run_kit(code).stdout.splitlines() == [
        str(tmp_path / "drive/a.txt"),
        "The drive has no file 'gone.txt'. List its files with: puras drive ls -r",
    ]


HALF = b"x" * 100_000


@pytest.fixture
def instance() -> Iterator[str]:
    """Serve a file slowly: send half of it until a second request arrives."""
    both = threading.Barrier(2, timeout=20)

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(
                b'{"path": "a.bin", "signed_url": "http://elsewhere/v1/drive/signed/t/a", "expires_in": 60}'
            )

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(2 * len(HALF)))
            self.end_headers()
            self.wfile.write(HALF)
            self.wfile.flush()
            both.wait()
            self.wfile.write(HALF)

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Write no log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def test_concurrent_fetches_return_the_complete_file(run_kit: RunKit, tmp_path: Path, instance: str) -> None:
    code = """
from concurrent.futures import ThreadPoolExecutor
from puras import drive
with ThreadPoolExecutor(2) as threads:
    for path in threads.map(drive.fetch, ["a.bin"] * 2):
        print(len(path.read_bytes()))
"""
    environment = {
        "PURAS_API_BASE": instance,
        "PURAS_SERVICE_TOKEN": "t",
        "PURAS_WORKSPACE_ID": "w",
        "PURAS_DRIVE_IS_ELSEWHERE": "1",
        "TMPDIR": str(tmp_path),
    }
    ran = run_kit(code, environment=environment)
    assert (ran.stdout.split(), ran.stderr) == ([str(2 * len(HALF))] * 2, "")
