"""Functions that misbehave, with the expected result of the job of each."""

from __future__ import annotations

from typing import NamedTuple

from tests.chaos.rounds import ROUNDS

PRINTED_MB = 1024 if ROUNDS > 1 else 128


class Bad(NamedTuple):
    """A misbehaving function and the expected result of its job."""

    body: str
    code: str | None
    """The error code of the job; None if the job succeeds."""
    message: str
    """A part of the error message of the job."""
    keys: str = ""
    """An additional line of its skill.yaml."""
    output_schema: str = "{type: object}"


BAD = {
    "raises": Bad(
        "raise ValueError('the seventh row has no price')", "exception", "the seventh row has no price"
    ),
    "recurses": Bad("return run()", "exception", "RecursionError"),
    "exits": Bad("sys.exit(3)", "exited", "3"),
    "leaves": Bad("os._exit(4)", "exited", "4"),
    "closes": Bad("os.closerange(0, 4096)\nreturn {}", "exited", "closed the descriptors"),
    "crashes": Bad("os.kill(os.getpid(), signal.SIGSEGV)", "crashed", "SIGSEGV"),
    "hangs": Bad("time.sleep(3600)", "timeout", "timeout_s", "timeout_s: 1"),
    "clings": Bad(
        "\n".join(
            (
                "for number in range(1, 32):",
                "    if number not in (signal.SIGKILL, signal.SIGSTOP): signal.signal(number, signal.SIG_IGN)",
                "while True:",
                "    try: time.sleep(3600)",
                "    except BaseException: pass",
            )
        ),
        "timeout",
        "timeout_s",
        "timeout_s: 1",
    ),
    "forks": Bad("while True: os.fork()", "process_limit", "processes"),
    "hoards": Bad(
        "hoard = []\nwhile True: hoard.append(bytes(1 << 20) * 2)",
        "memory_limit",
        "memory_mb",
        "limits: {memory_mb: 128}",
    ),
    "fills": Bad(
        "\n".join(
            (
                "for number in range(10 ** 6):",
                "    with open(f'{number}', 'wb') as file: file.write(bytes(1 << 20))",
            )
        ),
        "disk_limit",
        "disk",
    ),
    "nan": Bad("return float('nan')", "bad_result", "nan"),
    "raw": Bad("return b'raw'", "bad_result", "bytes"),
    "itself": Bad("value = {}\nvalue['me'] = value\nreturn value", "bad_result", ""),
    "deep": Bad("value = []\nfor _ in range(10 ** 5): value = [value]\nreturn value", "bad_result", ""),
    "huge": Bad("return 'x' * (100 << 20)", "output_limit", "its limit is 8388608"),
    "shape": Bad(
        "return {'answer': 'forty-two'}",
        "bad_output",
        "answer",
        output_schema="{type: object, properties: {answer: {type: integer}}}",
    ),
    "prints": Bad(f"for _ in range({PRINTED_MB}): print('x' * (1 << 20))\nreturn {{}}", None, ""),
    "nests": Bad(
        "import puras\nvalue = 1\nfor _ in range(900): value = [value]\n"
        "puras.log.info('deep', value=value)\nreturn {}",
        None,
        "",
    ),
    "noise": Bad("os.write(1, bytes(range(256)) * 20)\nreturn {}", None, ""),
}

HEAD_OF_YAML = "entrypoint: main.py:run\ndescription: Misbehaves.\ninput_schema: {type: object}\n"
PLAIN_YAML = (HEAD_OF_YAML + "output_schema: {type: object}\n").encode()
HEAD = "import os, signal, sys, time\n\n\ndef run():\n"

BAD_SKILLS = {
    f"skills/{name}/{file}": text.encode()
    for name, bad in BAD.items()
    for file, text in {
        "skill.yaml": HEAD_OF_YAML + f"output_schema: {bad.output_schema}\n{bad.keys}\n",
        "main.py": HEAD + "".join(f"    {line}\n" for line in bad.body.splitlines()),
    }.items()
}
BAD_SKILLS |= {
    "skills/unready/skill.yaml": PLAIN_YAML,
    "skills/unready/main.py": b"raise RuntimeError('no model file')\n\n\ndef run():\n    return {}\n",
    "skills/uninstallable/skill.yaml": PLAIN_YAML,
    "skills/uninstallable/requirements.txt": b"six==99999\n",
    "skills/uninstallable/main.py": b"def run():\n    return {}\n",
}
BAD |= {
    "unready": Bad("", "bad_entrypoint", "no model file"),
    "uninstallable": Bad("", "environment_failed", "six==99999"),
}

MIXED_BEHAVIORS = ("forks", "hoards", "fills", "clings", "closes", "crashes")
"""What one job of the skill `mixed` does while other jobs of this skill behave correctly."""
MIXED_SKILL = {
    "skills/mixed/skill.yaml": (
        b"entrypoint: main.py:choose\ndescription: Behaves as its input says.\n"
        b"input_schema: {type: object, properties: {do: {type: string}}}\noutput_schema: {type: object}\n"
        b"limits: {memory_mb: 128}\ntimeout_s: 5\n"
    ),
    "skills/mixed/main.py": (
        "import os, signal, sys, time\n\n\ndef fine():\n    return {'fine': True}\n"
        + "".join(
            f"\n\ndef {name}():\n" + "".join(f"    {line}\n" for line in BAD[name].body.splitlines())
            for name in MIXED_BEHAVIORS
        )
        + "\n\ndef choose(do):\n    return globals()[do]()\n"
    ).encode(),
}
