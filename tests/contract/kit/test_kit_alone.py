"""Check that the kit needs no other package, is fast to import, and has all public names."""

from __future__ import annotations

import ast
import json
import sys
import tomllib
from pathlib import Path

import pytest

from tests.contract.kit.conftest import KIT, RunKit


def test_all_public_names_need_only_the_standard_library(run_kit: RunKit) -> None:
    ran = run_kit(
        "import puras\n"
        "from puras import inputs, drive, secret, log, progress, load_bytes, load_path, _http\n"
        "from puras import InputError, SecretError, DriveError, SignedFile\n"
        "assert all(hasattr(puras, name) for name in puras.__all__)\n"
        "assert set(puras.__all__) <= set(dir(puras))\n"
        "foreign = [n for n, m in sys.modules.items() if 'site-packages' in (getattr(m, '__file__', '') or '')]\n"
        "assert not foreign, foreign\n"
        "outside = {n.partition('.')[0] for n in sys.modules} - set(sys.stdlib_module_names) - {'puras', '__main__'}\n"
        "print(sorted(outside))"
    )
    assert ran.stdout.strip() == "[]"


def test_files_of_the_kit_import_only_the_standard_library() -> None:
    for file in sorted((KIT / "puras").rglob("*.py")):
        known = {*sys.stdlib_module_names, "puras"}
        if file.parent.name == "notebook":  # an extra, loaded by `%load_ext` alone
            known |= {"IPython", "anywidget", "jupyter_client", "pandas", "traitlets", "yaml"}
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
                assert node.level == 0, file
            assert {name.partition(".")[0] for name in names} <= known, (file, names)


def test_the_import_of_the_kit_loads_no_other_modules(run_kit: RunKit) -> None:
    ran = run_kit(
        "before = set(sys.modules)\nimport puras\nprint(sorted(set(sys.modules) - before))",
    )
    loaded = set(json.loads(ran.stdout.replace("'", '"')))
    assert loaded == {"puras", "__future__"} | {
        name for name in loaded if name.startswith(("importlib", "_"))
    }


@pytest.mark.parametrize(
    "imports",
    [
        "from puras import secret, progress",
        "import puras.secret, puras.progress\nfrom puras import secret, progress",
        "from puras.secret import secret\nfrom puras.progress import progress",
        "import puras\nsecret, progress = puras.secret, puras.progress\nimport puras.secret, puras.progress\n"
        "assert puras.secret is secret and puras.progress is progress",
    ],
)
def test_secret_and_progress_are_always_functions(run_kit: RunKit, imports: str) -> None:
    ran = run_kit(f"{imports}\nprogress(0.5)\nprint(secret('API_TOKEN'))", environment={"API_TOKEN": "abc"})
    assert ran.stdout == "abc\n"
    assert ran.events == [{"type": "progress", "fraction": 0.5, "text": ""}]


def test_an_unknown_name_is_an_attribute_error(run_kit: RunKit) -> None:
    ran = run_kit("import puras\ntry: puras.nothing\nexcept AttributeError as error: print(error)")
    assert "nothing" in ran.stdout


def test_a_missing_secret_is_an_error_or_the_default(run_kit: RunKit) -> None:
    ran = run_kit(
        "from puras import secret, SecretError\n"
        "print(secret('NONE', None), secret('NONE', default='x'), repr(secret('EMPTY')))\n"
        "try: secret('NONE')\n"
        "except SecretError as error: print(error)",
        environment={"EMPTY": ""},
    )
    assert ran.stdout.splitlines()[0] == "None x ''"
    assert "'NONE' is not set" in ran.stdout


def test_a_log_message_is_sent_with_its_fields(run_kit: RunKit) -> None:
    ran = run_kit(
        "from puras import log\n"
        "log.debug('looking'); log.info('resized ☃', width=512, text='inner', level=1)\n"
        "log.warning('odd', where={'a': [1]}); log.error(ValueError('bad'))"
    )
    assert ran.events == [
        {"type": "log", "level": "debug", "text": "looking", "fields": {}},
        {
            "type": "log",
            "level": "info",
            "text": "resized ☃",
            "fields": {"width": 512, "text": "inner", "level": 1},
        },
        {"type": "log", "level": "warning", "text": "odd", "fields": {"where": {"a": [1]}}},
        {"type": "log", "level": "error", "text": "bad", "fields": {}},
    ]
    assert ran.stdout == ran.stderr == ""


def test_fields_that_are_not_json_do_not_fail_the_job(run_kit: RunKit) -> None:
    ran = run_kit(
        "from puras import log\n"
        "cycle = []; cycle.append(cycle)\n"
        "log.info('a', path=__import__('pathlib').Path('x')); log.info('b', number=float('nan'))\n"
        "log.info('c', cycle=cycle); log.info('d', keys={(1, 2): 3}); log.info('e', big='x' * 10_000_000)\n"
        "log.info('f' * 10_000_000); log.info('\\ud800')"
    )
    assert [str(event["text"])[0] for event in ran.events] == ["a", "b", "c", "d", "e", "f", "\ud800"]
    assert ran.events[0]["fields"] == {"path": "x"}
    assert all(len(json.dumps(event)) < 300_000 for event in ran.events)


def test_progress_is_sent_once_per_percent(run_kit: RunKit) -> None:
    ran = run_kit(
        "from puras import progress\n"
        "for number in range(100_001): progress(number / 100_000, 'counting')\n"
        "progress(None, 'unknown'); progress(float('nan'), 'nan'); progress(7, 'over'); progress(-1, 'under')"
    )
    fractions = [event["fraction"] for event in ran.events]
    assert len(fractions) == 101 + 4
    assert fractions[-4:] == [None, None, 1.0, 0.0]


def test_events_of_several_threads_are_not_mixed(run_kit: RunKit) -> None:
    ran = run_kit(
        "import threading\nfrom puras import log\n"
        "def say(n): log.info('x' * 500, n=n)\n"
        "threads = [threading.Thread(target=say, args=(n,)) for n in range(60)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]"
    )
    assert sorted(event["fields"]["n"] for event in ran.events) == list(range(60))  # type: ignore[index]


@pytest.mark.parametrize("descriptor", [None, "", "junk", "999"])
def test_without_a_runner_events_are_printed(run_kit: RunKit, descriptor: str | None) -> None:
    environment = {} if descriptor is None else {"PURAS_EVENTS_FD": descriptor}
    ran = run_kit(
        "from puras import log, progress\nlog.warning('odd', width=5)\nprogress(0.25, 'page 1')",
        environment=environment,
        has_runner=False,
    )
    assert ran.stderr.splitlines() == ["warning: odd width=5", "progress: 25 % page 1"]


def test_a_descriptor_of_another_program_is_not_used(run_kit: RunKit, tmp_path: Path) -> None:
    (tmp_path / "ledger.txt").write_text("precious")
    ran = run_kit(
        "import os, socket\nfrom puras import log\n"
        "file = os.open('ledger.txt', os.O_WRONLY | os.O_APPEND)\n"
        "pipe, pair = os.pipe()[1], socket.socketpair()\n"
        "for descriptor in (file, pipe, pair[0].fileno()):\n"
        "    os.environ['PURAS_EVENTS_FD'] = str(descriptor)\n"
        "    log.info('hello')\n"
        "pair[0].close(); pair[1].close()"
    )
    assert ran.stderr == "info: hello\n" * 3
    assert (tmp_path / "ledger.txt").read_text() == "precious"


def test_files_of_the_drive_are_saved_opened_and_listed(run_kit: RunKit, tmp_path: Path) -> None:
    ran = run_kit(
        "from puras import drive\n"
        "print(drive.save('out/a.txt', 'first'), drive.save('drive/out/b.bin', b'\\x00'))\n"
        "drive.save('out/a.txt', 'été')\n"
        "with drive.open('new/c.txt', 'w') as file: file.write('☃')\n"
        "print(drive.open('new/c.txt').read(), drive.path('out/a.txt').read_text('utf-8'))\n"
        "print(drive.path(drive.path('out/a.txt').resolve()) == drive.path('out/a.txt'))\n"
        "print(drive.list(), drive.list('out/'), drive.list('out/a'), drive.list('none'))"
    )
    assert ran.stdout.splitlines() == [
        "out/a.txt out/b.bin",
        "☃ été",
        "True",
        "['new/c.txt', 'out/a.txt', 'out/b.bin'] ['out/a.txt', 'out/b.bin'] ['out/a.txt'] []",
    ]
    assert not list((tmp_path / "drive").rglob(".saving-*"))
    assert (tmp_path / "drive/out/a.txt").stat().st_mode & 0o777 == 0o644


def test_a_name_cannot_lead_out_of_the_drive(run_kit: RunKit, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("not in the drive")
    (tmp_path / "drive" / "link").symlink_to("..")
    (tmp_path / "drive" / "file").symlink_to("../secret")
    ran = run_kit(
        "from puras import drive\n"
        "for name in ('../secret', 'a/../../secret', '/etc/passwd', 'drive//etc/passwd', 'link/secret', 'file'):\n"
        "    for act in (drive.path, lambda n: drive.save(n, 'x'), lambda n: drive.open(n, 'w'), drive.open):\n"
        "        try: act(name)\n"
        "        except drive.DriveError: pass\n"
        "        else: print('let through', name, act)\n"
        "print(drive.list())"
    )
    assert ran.stdout == "[]\n"
    assert (tmp_path / "secret").read_text() == "not in the drive"


def test_all_names_of_puras_exist_and_errors_accept_their_arguments(run_kit: RunKit) -> None:
    ran = run_kit(
        "import inspect, pickle, puras, puras.secrets, puras.client, puras.skills\n"
        "from puras import (Client, JobError, PurasAPIError, SubagentRunError, drive, generate_audio, generate_image,\n"
        "    generate_video, inputs, load_bytes, load_path, media, secret, secrets, subagent, transcribe)\n"
        "from puras.inputs import InputError\n"
        "from puras.secrets import SecretError, secret as from_module\n"
        "from puras.skills import SkillRunError, run\n"
        "assert from_module is secret and secrets is puras.secrets and secrets.secret is secret\n"
        "assert secrets.secret('API_TOKEN') == 'abc'\n"
        "assert puras.__version__.count('.') == 2, puras.__version__\n"
        "assert {'secrets', '__version__'} <= set(puras.__all__)\n"
        "for place, names in {media: 'generate_image generate_video generate_audio transcribe run',\n"
        "        drive: 'sign url', inputs: 'load_bytes load_path', subagent: 'run',\n"
        "        Client: 'run submit get wait feedback'}.items():\n"
        "    assert all(callable(getattr(place, name)) for name in names.split()), place\n"
        "taken = {name: set(inspect.signature(call).parameters) for name, call in {\n"
        "    'image': generate_image, 'video': generate_video, 'audio': generate_audio, 'text': transcribe,\n"
        "    'client': Client, 'run': Client.run, 'submit': Client.submit, 'sub': subagent.run}.items()}\n"
        "assert {'prompt', 'model', 'refs', 'aspect_ratio', 'resolution', 'n', 'output_path'} <= taken['image']\n"
        "assert {'image', 'last_frame', 'refs', 'lipsync_audio', 'duration', 'audio'} <= taken['video']\n"
        "assert {'text', 'voice', 'language', 'stability', 'similarity_boost', 'style', 'speed'} <= taken['audio']\n"
        "assert {'audio', 'keyterms', 'language_code', 'model'} <= taken['text']\n"
        "assert {'api_key', 'skillpack', 'api_base', 'timeout'} <= taken['client']\n"
        "assert {'timeout', 'poll_interval'} <= taken['run'] and {'wait', 'timeout', 'version'} <= taken['submit']\n"
        "assert {'target', 'inputs', 'prompt', 'version', 'timeout'} <= taken['sub']\n"
        "job = {'id': 'j1', 'status': 'failed', 'error': 'no rain', 'error_code': 'dry'}\n"
        "for made in (JobError(job), JobError(job, 'no rain'), JobError('no rain', job), \n"
        "        JobError('j1', 'failed', 'no rain'), JobError('no rain', job_id='j1', status='failed')):\n"
        "    assert (made.job_id, made.status) == ('j1', 'failed') and 'no rain' in str(made), (made, made.job_id)\n"
        "    back = pickle.loads(pickle.dumps(made))\n"
        "    assert (str(back), back.job_id, back.job) == (str(made), 'j1', made.job)\n"
        "assert (str(JobError('no rain')), JobError('no rain').job_id) == ('no rain', None)\n"
        "for made in (PurasAPIError(402, 'empty'), PurasAPIError('empty', 402), \n"
        "        PurasAPIError('empty', status_code=402), PurasAPIError('empty', status=402)):\n"
        "    assert (made.status, made.status_code, made.detail, str(made)) == (402, 402, 'empty', 'empty')\n"
        "    assert pickle.loads(pickle.dumps(made)).status == 402\n"
        "assert str(PurasAPIError('empty')) == 'empty'\n"
        "made = SubagentRunError('j1', 'failed', 'no rain')\n"
        "assert (made.job_id, made.status, made.message, str(made)) == ('j1', 'failed', 'no rain', 'no rain')\n"
        "assert pickle.loads(pickle.dumps(made)).job_id == 'j1'\n"
        "assert SkillRunError('j1', 'failed', 'no rain').status == 'failed'\n"
        "assert [str(kind('bad')) for kind in (SecretError, InputError)] == ['bad', 'bad']\n"
        "import runpy\n"
        "sys.argv = ['puras', '--version']\n"
        "try: runpy.run_module('puras', run_name='__main__')\n"
        "except SystemExit as end: print(end.code)",
        environment={"API_TOKEN": "abc"},
    )
    about = tomllib.loads((KIT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert ran.stdout.splitlines() == [f"puras {about['version']}", "0"]
