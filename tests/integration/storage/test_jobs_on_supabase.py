"""An instance whose files are in Supabase: which files a job receives, and which of its files are stored."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

import pytest

from benchmarks.client import Client, RequestFailed
from benchmarks.instance import Running, instance
from tests.chaos.processes import frozen
from tests.factories.supabase_faults import Fault
from tests.factories.supabase_objects import Bucket
from tests.factories.supabase_server import SERVICE_KEY, SupabaseServer
from tests.integration.storage.conftest import BUCKETS
from tests.integration.storage.supabase_jobs import (
    pid_of_worker,
    run,
    stored,
    upload,
    wait_for,
    wait_until_rejoined,
)

FILES = """\
entrypoint: main.py:run
description: Works on files.
input_schema:
  type: object
  properties:
    code: {type: string}
    photo: {type: image}
    more: {type: array, items: {type: file}}
output_schema:
  type: object
  properties:
    seen: {type: array, items: {type: string}}
    report: {type: file}
  required: [seen]
"""
MAIN = b"""\
import os


def run(inputs):
    before = sorted(os.path.relpath(os.path.join(folder, name), "drive")
                    for folder, _, names in os.walk("drive") for name in names)
    scope = {"inputs": inputs, "result": {"seen": before}}
    exec(inputs["code"], scope)
    return scope["result"]
"""


@pytest.fixture(scope="module")
def supabase() -> Iterator[SupabaseServer]:
    server = SupabaseServer()
    for name in BUCKETS:
        server.buckets[name] = Bucket()
    with server.running():
        yield server


@pytest.fixture(scope="module")
def running(supabase: SupabaseServer) -> Iterator[Running]:
    settings = {"SUPABASE_URL": supabase.url, "SUPABASE_SERVICE_KEY": SERVICE_KEY}
    with instance(PURAS_WORKER_PROCESSES="2", PURAS_WORKER_JOBS="1", **settings) as running:
        with running.client() as client:
            client.push(
                {
                    "skills/files/skill.yaml": FILES.encode(),
                    "skills/files/main.py": MAIN,
                    "skills/files/notes.md": b"Say what you have noted.",
                }
            )
        yield running


@pytest.fixture
def client(running: Running, supabase: SupabaseServer) -> Iterator[Client]:
    supabase.buckets[BUCKETS.drive].objects.clear()
    with running.client() as client:
        yield client
    supabase.faults.clear()


def test_job_reads_the_files_of_its_inputs_and_its_writes_are_stored(
    client: Client, supabase: SupabaseServer
) -> None:
    for path in ("in/photo.png", "in/é 2.txt", "not/named.txt"):
        upload(client, path, path.encode())
    code = """if True:
        assert open("drive/in/photo.png").read() == "in/photo.png"
        os.makedirs("drive/out/deep")
        open("drive/out/deep/report.txt", "w").write("new")
        open("drive/in/é 2.txt", "a").write(" and more")
        result["report"] = "out/deep/report.txt"
    """
    count_before = len(supabase.requests)
    job = run(client, f"import os\n{code}", photo="in/photo.png", more=["drive/in/é 2.txt", "gone.txt"])
    assert (job["status"], job["error"]) == ("succeeded", None)
    assert job["result"]["seen"] == ["in/photo.png", "in/é 2.txt"]
    [output] = job["outputs"]
    assert (output["drive_path"], output["size_bytes"], output["mime"]) == (
        "out/deep/report.txt",
        3,
        "text/plain",
    )
    assert stored(supabase) == {
        "in/photo.png": b"in/photo.png",
        "in/=C3=A9 2.txt": "in/é 2.txt and more".encode(),
        "not/named.txt": b"not/named.txt",
        "out/deep/report.txt": b"new",
    }
    stored_paths = [
        path
        for method, path in supabase.requests[count_before:]
        if method == "POST" and "/puras-drive/" in path
    ]
    assert len(stored_paths) == 2


def test_removed_files_stay_and_unchanged_files_are_not_sent(
    client: Client, supabase: SupabaseServer
) -> None:
    upload(client, "a.txt", b"kept")
    job = run(client, "import os; os.unlink('drive/a.txt')", photo="a.txt")
    assert job["status"] == "succeeded"
    assert stored(supabase) == {"a.txt": b"kept"}


def test_job_fetches_other_files_and_does_not_send_them_back(
    client: Client, supabase: SupabaseServer
) -> None:
    content = os.urandom(9_000_000)
    upload(client, "other/é %2F.bin", content)
    upload(client, "other/b.txt", b"text")
    code = """if True:
        import hashlib
        from puras import drive
        path = drive.fetch("other/é %2F.bin")
        with drive.open("drive/other/b.txt") as file:
            text = file.read()
        result["seen"] = [hashlib.sha256(path.read_bytes()).hexdigest(), text, *drive.list()]
        for name in ("gone.txt", "../x", "other"):
            try:
                drive.fetch(name)
            except drive.DriveError as error:
                result["seen"].append(type(error).__name__)
    """
    count_before = len(supabase.requests)
    job = run(client, code)
    assert job["error"] is None
    errors = ["DriveError"] * 3
    assert job["result"]["seen"] == [hashlib.sha256(content).hexdigest(), "text", *errors]
    assert not [method for method, path in supabase.requests[count_before:] if method in ("PATCH", "PUT")]
    assert len(stored(supabase)) == 2


def test_files_deleted_with_the_kit_are_deleted_on_success(client: Client, supabase: SupabaseServer) -> None:
    for path in ("a.txt", "b.txt", "c.txt", "d.txt", "in/e.txt"):
        upload(client, path, b"x")
    code = """if True:
        from puras import drive
        for name in ("a.txt", "drive/b.txt", "in/e.txt", "never/was.txt"):
            drive.delete(name)
        drive.save("b.txt", "written again")
    """
    job = run(client, f"{code}\n    raise ValueError('no')", photo="a.txt")
    assert job["status"] == "failed"
    assert len(stored(supabase)) == 5
    job = run(client, code, photo="a.txt")
    assert job["error"] is None
    assert stored(supabase) == {"b.txt": b"written again", "c.txt": b"x", "d.txt": b"x"}


def test_hostile_entries_in_a_drive_are_reported_and_not_followed(
    client: Client, supabase: SupabaseServer
) -> None:
    code = r"""if True:
        import os
        os.symlink("/etc/passwd", "drive/link")
        os.symlink("/", "drive/root")
        os.mkfifo("drive/pipe")
        open("drive/new\nline", "w").write("x")
        open("drive/back\\slash", "w").write("x")
        open(b"drive/bad\xff", "w").write("x")
        deep = "drive" + "/d" * 70
        os.makedirs(deep)
        open("drive/..%2f..%2fescape", "w").write("inside")
        open("drive/good", "w").write("good")
        os.chmod("drive/good", 0o200)
    """
    job = run(client, code)
    assert job["status"] == "succeeded"
    contents = stored(supabase)
    assert contents.pop(".=2E=252f.=2E=252fescape") == b"inside"
    assert contents == ({"good": b"good"} if os.geteuid() == 0 else {})
    [note] = [
        event["payload"]["text"]
        for event in client.call("GET", f"/v1/jobs/{job['id']}/events")
        if event["type"] == "log" and event["payload"].get("stream") == "system"
    ]
    closed = () if os.geteuid() == 0 else ("good",)
    for name in ("link", "root", "pipe", "new", "back", "bad", "d/d", *closed):
        assert name in note


@pytest.mark.parametrize(
    "trick",
    [
        "os.rename('drive', 'elsewhere'); os.symlink('/etc', 'drive')",
        "os.rename('drive', 'elsewhere'); open('drive', 'w').write('x')",
        "os.rename('drive', 'elsewhere')",
    ],
)
def test_job_that_removes_its_drive_fails_and_stores_nothing(
    client: Client, supabase: SupabaseServer, trick: str
) -> None:
    job = run(client, f"import os; {trick}")
    assert (job["status"], job["error_code"]) == ("failed", "crashed")
    assert "The ./drive of the job did not exist" in job["error"]
    assert stored(supabase) == {}


def test_failed_job_changes_no_files(client: Client, supabase: SupabaseServer) -> None:
    for end in ("raise ValueError('no')", "result['seen'] = 5"):
        job = run(client, f"open('drive/half.txt', 'w').write('x'); {end}")
        assert job["status"] == "failed"
    assert stored(supabase) == {}


def test_result_is_kept_when_the_files_cannot_be_stored(client: Client, supabase: SupabaseServer) -> None:
    upload(client, "taken/a.txt", b"x")
    job = run(client, "open('drive/taken', 'w').write('x'); open('drive/fine', 'w').write('y')")
    assert (job["status"], job["error_code"]) == ("failed", "drive_path_taken")
    assert job["result"] == {"seen": []}
    assert "its files were not stored" in job["error"]
    assert stored(supabase) == {"taken/a.txt": b"x", "fine": b"y"}


def test_job_end_waits_for_an_unavailable_storage(client: Client, supabase: SupabaseServer) -> None:
    fault = Fault("POST", "/object/puras-drive/", "status", times=6)
    supabase.faults.append(fault)
    job = run(client, "open('drive/a.txt', 'w').write('x')")
    assert job["status"] == "succeeded"
    assert fault.met == 6
    assert stored(supabase) == {"a.txt": b"x"}


def test_job_is_requeued_while_the_storage_is_unavailable(client: Client, supabase: SupabaseServer) -> None:
    upload(client, "later.txt", b"x")  # a separate name: drives are scanned after the jobs of other tests
    supabase.faults.append(Fault("GET", "/object/info/.*later.txt", "status", times=4))
    job = run(client, "pass", photo="later.txt")
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    [requeued] = [
        event["payload"]["reason"]
        for event in client.call("GET", f"/v1/jobs/{job['id']}/events")
        if event["type"] == "requeued"
    ]
    assert requeued.startswith("storage_unavailable")


def test_api_reports_that_the_storage_is_unavailable(client: Client, supabase: SupabaseServer) -> None:
    supabase.faults.append(
        Fault("POST", "/object/list-v2", "status", times=1000)
    )  # scans of drives fail, too
    with pytest.raises(RequestFailed) as caught:
        client.call("GET", "/v1/drive")
    supabase.faults.clear()
    assert (caught.value.status, caught.value.response.body["code"]) == (503, "storage_unavailable")
    assert caught.value.response.headers["retry-after"] == "5"
    assert SERVICE_KEY not in str(caught.value.response)
    assert client.call("GET", "/v1/drive") == []


@pytest.mark.timeout(90)
def test_worker_that_was_declared_lost_stores_nothing_of_its_attempt(
    running: Running, client: Client, supabase: SupabaseServer
) -> None:
    code = """if True:
        import os, time
        mine = os.urandom(8).hex()
        open("drive/who.txt", "w").write(mine)
        open("drive/only-" + mine, "w").write(mine)
        result["seen"] = [mine]
        time.sleep(2)
    """
    job_id = client.submit("files", code=code)
    wait_for(client, job_id, "running")
    holder = pid_of_worker(running, job_id)
    with frozen([holder]):
        job = wait_for(client, job_id, "succeeded", within_s=60)
    assert job["attempt"] == 2
    wait_until_rejoined(running, holder)
    assert run(client, "pass")["status"] == "succeeded"
    (mine,) = job["result"]["seen"]
    assert stored(supabase) == {"who.txt": mine.encode(), f"only-{mine}": mine.encode()}


def test_subjobs_have_separate_drive_copies_and_run_concurrently(
    client: Client, supabase: SupabaseServer
) -> None:
    code = """if True:
        from concurrent.futures import ThreadPoolExecutor
        from puras import drive, subagent

        described = subagent.describe("files")
        ask = (
            "import time; from puras import drive; began = time.time(); time.sleep(4); "
            "drive.save(%r, 'made'); result['seen'] = [str(began), str(time.time())]"
        )
        with ThreadPoolExecutor() as threads:
            times = threads.map(lambda name: subagent.run("files", {"code": ask % name}), ("a.txt", "b.txt"))
            began, ended = zip(*(one["seen"] for one in times))
        subagent.run(prompt="Say a word.", inputs={"n": 1})
        subagent.run("notes.md")
        try:
            subagent.run("../../../up.md")
        except subagent.SubagentRunError as error:
            refused = error.message
        result["seen"] = [
            sorted(described["input_schema"]["properties"])[0], str(max(began) < min(ended)),
            drive.open("a.txt").read(), drive.open("b.txt").read(), refused,
        ]
    """
    job = run(client, code)
    assert (job["status"], job["error"]) == ("succeeded", None)
    assert job["result"]["seen"][:4] == ["code", "True", "made", "made"]
    assert "not in the bundle" in job["result"]["seen"][4]
    called = [one for one in client.call("GET", "/v1/jobs") if one["parent_job_id"] == job["id"]]
    assert sorted((one["skill_name"], one["status"]) for one in called) == [
        ("files", "succeeded"),
        ("files", "succeeded"),
        ("files:@inline", "succeeded"),
        ("files:notes.md", "succeeded"),
    ]
    assert stored(supabase) | {"a.txt": b"made", "b.txt": b"made"} == stored(supabase)
    ends = [
        event["payload"]
        for event in client.call("GET", f"/v1/jobs/{job['id']}/events")
        if event["type"] == "subagent_end"
    ]
    assert {end["job_id"] for end in ends} == {one["id"] for one in called}
    spans = client.call("GET", f"/v1/jobs/{job['id']}/spans")
    (function,) = [span for span in spans if span["kind"] == "function"]
    assert {span["parent_span_id"] for span in spans if span["kind"] == "subagent"} == {function["span_id"]}
