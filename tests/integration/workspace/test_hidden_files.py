"""The files of confirmed Python tools: their tools run them, and commands, kernels and file tools cannot read them."""

from __future__ import annotations

import py_compile
import shutil
from typing import Any

import pytest

from tests.integration.workspace.conftest import Agent, OpenAgent
from tests.integration.workspace.test_python_kernel import Kernel
from workers.agent.types import ToolError

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAY = "def pay():\n    return {'paid': 'SOURCE-OF-PAY'}\n"
HELPER = "def rate():\n    return 7\n"
CONFIRMED_AND_PLAIN: list[dict[str, Any]] = [
    {"name": "pay", "entrypoint": "pay.py:pay", "confirm": True, "output_schema": {}},
    {"name": "look", "entrypoint": "tools.py:look", "output_schema": {}},
]
LOOK = "def look():\n    import pay\n    return {'seen': pay.pay()['paid']}\n"


async def open_with_hidden_files(open_agent: OpenAgent) -> Agent:
    """Open an agent with a confirmed tool whose file is in the bundle in several forms."""
    first = await open_agent(LOOK, tools=CONFIRMED_AND_PLAIN)
    own = first.workspace.assignment.bundle_dir / "skills/helper"
    (own / "pay.py").write_text(PAY, encoding="utf-8")
    (own / "rate.py").write_text(HELPER, encoding="utf-8")
    (own / "scripts").mkdir()
    shutil.copy(own / "pay.py", own / "scripts/copy.txt")
    compiled = own / "__pycache__/pay.cpython-311.pyc"
    py_compile.compile(str(own / "pay.py"), cfile=str(compiled))
    py_compile.compile(str(own / "pay.py"), cfile=str(own / "pay.pyc"))
    (own / "linked.py").symlink_to("pay.py")  # bundles contain no links; one would have no effect
    return await open_agent(same_skill_as=first.kind)


async def test_commands_read_all_files_except_hidden_ones(open_agent: OpenAgent) -> None:
    agent = await open_with_hidden_files(open_agent)
    read = await agent.bash(
        'for file in pay.py ./pay.py "$PURAS_DEPLOYMENT_ROOT/skills/helper/pay.py" scripts/copy.txt pay.pyc linked.py '
        "__pycache__/pay.cpython-311.pyc; do cat $file; done; cp pay.py mine.py; ln pay.py other.py; "
        "python3 -c 'import pay'; python3 pay.py; grep -r SOURCE-OF . $PURAS_DEPLOYMENT_ROOT; "
        "umount $PURAS_DEPLOYMENT_ROOT/skills/helper/pay.py; cat pay.py mine.py other.py"
    )
    assert "SOURCE-OF-PAY" not in read
    assert "ermission denied" in read
    fine = await agent.bash(
        "cat references/style.md; ls; python3 -c 'import rate; print(rate.rate() * 6)'; cat tools.py | head -1"
    )
    assert "Write plainly." in fine
    assert "42" in fine
    assert "def look" in fine
    assert "rate.py" in fine


async def test_python_tools_can_run_hidden_files(open_agent: OpenAgent) -> None:
    agent = await open_with_hidden_files(open_agent)
    assert "SOURCE-OF-PAY" in str((await agent.use("pay")).content)
    assert "SOURCE-OF-PAY" in str((await agent.use("look")).content)  # code of the author may import it


async def test_file_tools_reject_hidden_files(open_agent: OpenAgent) -> None:
    agent = await open_with_hidden_files(open_agent)
    for path in ("pay.py", "/deployment/skills/helper/pay.py", "scripts/copy.txt", "pay.pyc"):
        with pytest.raises(ToolError, match="needs an approval"):
            await agent.use("file_read", paths=[path])
    assert "def rate" in str((await agent.use("file_read", paths=["rate.py"])).content)


async def test_python_kernel_cannot_read_hidden_files(open_agent: OpenAgent) -> None:
    python = Kernel(await open_with_hidden_files(open_agent))
    outputs = [
        await python("open('pay.py').read()"),
        await python("import pay; pay.pay()"),
        await python("import subprocess; subprocess.run(['cat', 'pay.py'], capture_output=True).stdout"),
        await python("import runpy; runpy.run_path('__pycache__/pay.cpython-311.pyc')"),
    ]
    assert "SOURCE-OF-PAY" not in str(outputs)
    assert "Permission" in outputs[0]
    assert await python("import rate; rate.rate()") == "7"


async def test_file_of_a_tool_without_confirm_is_readable(open_agent: OpenAgent) -> None:
    """Show that the tests above can fail."""
    plain = [{**tool, "confirm": False} for tool in CONFIRMED_AND_PLAIN]
    first = await open_agent(LOOK, tools=plain)
    own = first.workspace.assignment.bundle_dir / "skills/helper"
    (own / "pay.py").write_text(PAY, encoding="utf-8")
    agent = await open_agent(same_skill_as=first.kind)
    assert "SOURCE-OF-PAY" in await agent.bash("cat pay.py")
    assert "SOURCE-OF-PAY" in str((await agent.use("file_read", paths=["pay.py"])).content)


async def test_both_tools_of_a_confirmed_function_need_approval(open_agent: OpenAgent) -> None:
    alias = {"name": "gift", "entrypoint": "./pay.py:pay", "output_schema": {}}
    other = {"name": "look", "entrypoint": "pay.py:look", "output_schema": {}}
    agent = await open_agent("", tools=[CONFIRMED_AND_PLAIN[0], alias, other])
    assert {name: agent.tools[name].confirm for name in ("pay", "gift", "look")} == {
        "pay": True,
        "gift": True,
        "look": False,
    }
    assert agent.tools["gift"].runs_alone
