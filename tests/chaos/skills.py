"""The skills that are deployed before parts of the instance are killed."""

from benchmarks.client import Client
from benchmarks.instance import NOOP_SKILL

_FUNCTIONS = {
    **NOOP_SKILL,
    "skills/held/skill.yaml": b"""\
entrypoint: main.py:run
description: Waits for a file in the drive, and returns its own version.
input_schema: {type: object, properties: {until: {type: string}}}
output_schema: {type: object, properties: {version: {type: integer}}}
""",
    "skills/held/main.py": b"""\
import os
import time


def run(until):
    while not os.path.exists("drive/" + until):
        time.sleep(0.1)
    return {"version": 1}
""",
    "skills/stubborn/skill.yaml": b"""\
entrypoint: main.py:run
description: Sleeps, and is retried once after its worker was lost.
retries: {max: 1, on: [worker_lost]}
input_schema: {type: object, properties: {seconds: {type: number}}}
output_schema: {type: object, properties: {slept: {type: number}}}
""",
    "skills/stubborn/main.py": NOOP_SKILL["skills/nap/main.py"],
    "skills/once/skill.yaml": b"""\
entrypoint: main.py:run
description: Sleeps, and is never retried.
retries: {max: 0}
input_schema: {type: object, properties: {seconds: {type: number}}}
output_schema: {type: object, properties: {slept: {type: number}}}
""",
    "skills/once/main.py": NOOP_SKILL["skills/nap/main.py"],
    "skills/tally/skill.yaml": b"""\
entrypoint: main.py:run
description: Counts words, and takes a while.
retries: {max: 100, on: [worker_lost]}
input_schema: {type: object, properties: {words: {type: string}}, required: [words]}
output_schema: {type: object, properties: {total: {type: integer}}}
""",
    "skills/tally/main.py": b"""\
import time


def run(words):
    time.sleep(0.3)
    return {"total": len(words.split())}
""",
    "skills/post/skill.yaml": b"""\
entrypoint: flow.yaml
description: Counts the words of each text, and waits for a time, an event and an approval.
input_schema:
  type: object
  properties: {texts: {type: array, items: {type: string}}}
  required: [texts]
output_schema: {type: object, properties: {n: {type: integer}, first: {type: integer}}}
""",
    "skills/post/flow.yaml": b"""\
steps:
  - id: each
    for_each: ${{ inputs.texts }}
    concurrency: 4
    skill: tally
    inputs: {words: "${{ item }}"}
  - id: pause
    wait: {duration: 0.2}
  - id: posted
    emit: {type: posted, data: {job: "${{ job.id }}"}}
  - id: known
    wait: {event: {type: posted, match: "${{ event.data.job == job.id }}"}}
  - id: sign
    approval: {message: "Post ${{ size(steps.each) }} results?"}
  - id: last
    skill: tally
    inputs: {words: "${{ steps.sign.decided_by }}"}
output: {n: "${{ size(steps.each) }}", first: "${{ steps.each[0].total }}"}
""",
    "skills/family/skill.yaml": b"""\
entrypoint: main.py:run
description: Has child processes that write continuously and ignore SIGTERM.
input_schema: {type: object}
output_schema: {type: object}
""",
    "skills/family/main.py": b"""\
import os
import signal
import time


def run():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for _ in range(3):
        os.fork()
    while True:
        with open("drive/alive.txt", "a") as file:
            file.write(".")
        time.sleep(0.02)
""",
    "skills/errand/skill.yaml": b"""\
entrypoint: main.py:run
description: Calls a skill that sleeps, and waits for its result.
retries: {max: 5, on: [worker_lost]}
input_schema: {type: object, properties: {seconds: {type: number}}}
output_schema: {type: object, properties: {slept: {type: number}}}
""",
    "skills/errand/main.py": b"""\
from puras import subagent


def run(seconds):
    return subagent.run("nap", {"seconds": seconds})
""",
    "skills/talk/skill.yaml": b"""\
entrypoint: main.py:run
description: Prints lines for a while.
input_schema: {type: object, properties: {lines: {type: integer}, width: {type: integer, default: 40}}}
output_schema: {type: object, properties: {lines: {type: integer}}}
""",
    "skills/talk/main.py": b"""\
import time


def run(lines, width):
    for line in range(lines):
        print(f"{line} " + "x" * width, flush=True)
        if line % 10 == 0:
            time.sleep(0.02)
    return {"lines": lines}
""",
}
AGENT = {
    "skills/wander/skill.yaml": b"""\
entrypoint: prompt.md
description: An agent that notes one location after another.
model: claude/haiku-4-5
disable_bash: true
input_schema: {type: object, properties: {topic: {type: string}}, required: [topic]}
output_schema: {type: object, properties: {summary: {type: string}, score: {type: integer}}}
tools:
  - name: note
    description: Notes a location.
    entrypoint: note.py:note
    input_schema: {type: object, properties: {at: {type: string}}, required: [at]}
    output_schema: {type: object, properties: {noted: {type: string}}}
""",
    "skills/wander/prompt.md": b"Wander about, and note where you are.",
    "skills/wander/note.py": b"""\
import os


def note(at):
    os.makedirs("drive/notes", exist_ok=True)
    with open("drive/notes/" + at.replace("/", "-"), "a") as file:
        file.write(".")
    return {"noted": at}
""",
    "skills/shell/skill.yaml": b"""\
entrypoint: prompt.md
description: An agent that runs commands.
model: claude/haiku-4-5
input_schema: {type: object, properties: {topic: {type: string}}, required: [topic]}
output_schema: {type: object, properties: {summary: {type: string}, score: {type: integer}}}
""",
    "skills/shell/prompt.md": b"Run the requested command.",
}
"""Agents; the tool of the first one writes a dot for each of its calls."""
SKILLS = {**_FUNCTIONS, **AGENT}


def upload(client: Client, name: str) -> None:
    """Upload a file with this name to the drive: jobs that wait for it continue."""
    head = f'--mark\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    path = '\r\n--mark\r\nContent-Disposition: form-data; name="path"\r\n\r\n'
    body = f"{head}go{path}{name}\r\n--mark--\r\n".encode()
    client.call("POST", "/v1/drive/upload", body, **{"Content-Type": "multipart/form-data; boundary=mark"})
