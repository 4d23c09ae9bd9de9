"""The way of a user who writes no code: an agent with three tools and a flow are built, tried, published and used."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp_types import ToolAnnotations
from playwright.sync_api import Browser, Locator, Page, expect

from tests.doubles.messages import MessagesServer, calls, says
from tests.e2e.conftest import EMAIL, Settled, page_of, settled_instance
from tests.e2e.test_accessibility import assert_usable
from tests.e2e.test_canvas import node
from tests.e2e.test_editor import section_of
from tests.e2e.test_notebook_page import take_screenshot

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

RUN_WITHIN_MS = 60_000
REVIEWS = """\
customer,text
Ada,Owls hunt at night.
Grace,"The parcel was late, and wet."
"""


class Model:
    """A model that answers a review.

    It counts the words, lets another agent detect the language, and looks up the customer on an MCP server.
    """

    def __init__(self) -> None:
        self.tools: set[str] = set()
        """The tools that the agent with three tools had."""

    def __call__(self, body: dict[str, Any]) -> Any:
        names, last = {tool["name"] for tool in body["tools"]}, str(body["messages"][-1])
        if "count_words" not in names:
            return says(calls("set_output", answer="English"))
        self.tools |= names
        if "tool_result" not in last:
            text = next(
                (one for one in ("The parcel was late, and wet.", "Owls hunt at night.") if one in last), ""
            )
            return says(
                "I look at it.",
                calls("count_words", text=text),
                calls("detect_language", text=text),
                calls("orders_of", customer="Ada"),
            )
        count = re.search(r"words\W+(\d+)", last)
        assert count, last
        assert "English" in last, last
        assert "Ada has 3 orders" in last, last
        return says(calls("set_output", answer=f"Thank you for your {count[1]} words in English."))


@pytest.fixture
def model() -> Model:
    return Model()


def shop() -> MCPServer:
    """Return an MCP server with a tool that reads, and one that changes something."""
    made = MCPServer("shop")

    @made.tool(
        description="Returns the number of orders of a customer.",
        annotations=ToolAnnotations(read_only_hint=True),
    )
    def orders_of(customer: str) -> str:
        return f"{customer} has 3 orders"

    @made.tool(description="Cancels an order.")
    def cancel_order(number: int) -> str:
        raise AssertionError("no test cancels an order")

    return made


@contextmanager
def serving(server: MCPServer) -> Iterator[int]:
    """Run an MCP server on a port of this host until the end of the context."""
    config = uvicorn.Config(
        server.streamable_http_app(), host="127.0.0.1", port=0, log_level="critical", ws="none"
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        deadline = time.monotonic() + 10
        while not running.started:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield running.servers[0].sockets[0].getsockname()[1]
    finally:
        running.should_exit = running.force_exit = True
        thread.join()


@pytest.fixture
def mcp_url() -> Iterator[str]:
    """Run an MCP server, and return its URL."""
    with serving(shop()) as port:
        yield f"http://127.0.0.1:{port}/mcp"


@pytest.fixture
def settled(pages: None, model: Model, mcp_url: str) -> Iterator[Settled]:
    """Run an instance with the model, which gives new projects a credit, and may use the MCP server."""
    with MessagesServer(model).running() as upstream:
        settings = {
            "ANTHROPIC_BASE_URL": upstream.url,
            "ANTHROPIC_API_KEY": "sk-of-the-double",
            "PURAS_STARTING_CREDIT_USD": "5",
            "PURAS_MCP_HOSTS": urlsplit(mcp_url).netloc,
        }
        with settled_instance(**settings) as settled:
            yield settled


@pytest.fixture
def user(browser: Browser, settled: Settled) -> Iterator[Page]:
    with page_of(browser, settled, EMAIL) as page:
        page.set_viewport_size({"width": 1280, "height": 800})
        yield page


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.csv"
    path.write_text(REVIEWS, encoding="utf-8")
    return path


def test_agent_with_three_tools_and_a_flow_are_built_and_promoted_without_code(
    user: Page, settled: Settled, model: Model, mcp_url: str, reviews: Path
) -> None:
    create_project(user, settled)
    build_helper(user)
    build_agent(user, mcp_url)
    try_agent(user, model)
    build_flow(user)
    try_flow(user, reviews)
    publish(user)
    promote(user)
    chat(user)


def show(page: Page, name: str) -> None:
    """Take screenshots in both color schemes."""
    take_screenshot(page, f"journey-{name}-light")
    page.emulate_media(color_scheme="dark")
    take_screenshot(page, f"journey-{name}-dark")
    page.emulate_media(color_scheme="light")


def create_project(page: Page, settled: Settled) -> None:
    page.goto(settled.running.url)
    page.get_by_role("button", name="New project").click()
    page.get_by_label("Name").fill("Reviews")
    page.get_by_role("button", name="Create project").click()
    steps = page.get_by_role("region", name="First steps")
    expect(steps).to_contain_text("0 of 5")
    expect(steps.get_by_role("link", name="Create a skill")).to_have_attribute("href", re.compile("/editor"))
    show(page, "first-steps")
    page.get_by_role("main").get_by_role("link", name="New skill").click()
    expect(page.get_by_role("dialog", name="New skill")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/editor$"))


def create_skill(page: Page, name: str, kind: str) -> None:
    dialog = page.get_by_role("dialog", name="New skill")
    if not dialog.is_visible():
        page.get_by_role("button", name="New skill…").click()
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_role("radio", name=kind).check()
    dialog.get_by_role("button", name="Create skill").click()


def form_of(page: Page, title: str) -> Locator:
    """Return the form of a skill, which is shown instead of its code."""
    design = page.get_by_role("region", name="Design")
    expect(section_of(design, "Basics").get_by_role("textbox", name="Title")).to_have_value(title)
    expect(page.get_by_role("textbox", name="skills/")).to_have_count(0)
    return design


def write(design: Locator, description: str, instructions: str) -> None:
    # Other skills copy the stored description when they add this one as a tool.
    with design.page.expect_response(
        lambda one: one.request.method == "PUT" and one.url.endswith("/skill.yaml")
    ):
        field = design.get_by_role("textbox", name="Description", exact=False).first
        field.fill(description)
        field.press("Tab")
    section_of(design, "Instructions").get_by_role("textbox").fill(instructions)


def build_helper(page: Page) -> None:
    create_skill(page, "Detect language", "Agent A prompt that can call tools")
    write(form_of(page, "Detect language"), "Names the language of a text.", "Name the language of the text.")
    expect(page.get_by_text("No problems")).to_be_visible()


def build_agent(page: Page, mcp_url: str) -> None:
    create_skill(page, "Answer review", "Agent with a Python tool")
    design = form_of(page, "Answer review")
    write(design, "Answers a review.", "Answer the review politely, in its language. Mention its length.")
    tools = section_of(design, "Tools")
    expect(tools.get_by_role("group", name="Tool count_words")).to_be_visible()
    tools.get_by_role("combobox", name="Add skill…").select_option("detect-language")
    helper = tools.get_by_role("group", name="Tool detect_language")
    expect(helper.get_by_role("textbox", name="Description for the model")).to_have_value(
        "Names the language of a text."
    )
    tools.get_by_role("button", name="Add MCP server").click()
    server = tools.get_by_role("group", name="Tool MCP server")
    server.get_by_role("textbox", name="URL").fill(mcp_url)
    page.keyboard.press("Enter")
    server = tools.get_by_role("group", name=f"Tool {urlsplit(mcp_url).netloc}")
    server.get_by_role("button", name="List its tools").click()
    expect(server).to_contain_text("Returns the number of orders of a customer.")
    expect(server).to_contain_text("cancel_order")
    show(page, "tools")
    expect(page.get_by_text("No problems")).to_be_visible()


def try_agent(page: Page, model: Model) -> None:
    design = page.get_by_role("region", name="Design")
    cost = section_of(design, "Limits").get_by_role("status", name="Cost of a run")
    expect(cost).to_contain_text("Estimated from the prompt of about")
    expect(cost).to_contain_text("limit $0.25")
    page.get_by_role("button", name="First example", exact=True).click()
    page.get_by_role("button", name="Run", exact=False).last.click()
    result = page.get_by_role("region", name="Result")
    expect(result).to_contain_text("Thank you for your 4 words in English.", timeout=RUN_WITHIN_MS)
    assert {"count_words", "detect_language"} <= model.tools
    assert {"orders_of", "cancel_order"} <= model.tools
    expect(cost).to_contain_text("From 1 job.")
    show(page, "agent-tried")


def build_flow(page: Page) -> None:
    create_skill(page, "Answer reviews", "Flow Steps")
    canvas = page.get_by_role("region", name="Canvas", exact=True)
    node(canvas, "Inputs").click()
    canvas.get_by_role("button", name="Edit in Design").click()
    inputs = section_of(form_of(page, "Answer reviews"), "Inputs")
    inputs.get_by_role("combobox", name="Type of the items of items").select_option("object (fields)")
    for name in ("customer", "text"):
        inputs.get_by_role("button", name="Add field to items").click()
        field = inputs.get_by_role("textbox", name="Name of field", exact=True)
        expect(field).to_be_focused()
        field.fill(name)
        page.keyboard.press("Enter")
        expect(inputs.get_by_role("textbox", name=f"Name of {name}", exact=True)).to_be_visible()
    inputs.get_by_role("checkbox", name="text is required").check()
    show(page, "flow-inputs")
    page.get_by_role("button", name="Open canvas").click()
    canvas.get_by_role("button", name="For each").click()
    expect(canvas.get_by_role("textbox", name="text", exact=True)).to_have_value("${{ item.text }}")
    each = node(canvas, "each_answer_review,")
    each.hover()
    each.get_by_role("button", name="Add step after each_answer_review").click()
    canvas.get_by_role("list", name="Kinds of steps").get_by_role("button", name="Approval").click()
    canvas.get_by_role("textbox", name="Message").fill("Send these answers?")
    expect(page.get_by_text("No problems")).to_be_visible()
    show(page, "canvas")


def try_flow(page: Page, reviews: Path) -> None:
    page.get_by_role("button", name="Try", exact=True).click()
    page.get_by_label("CSV file for items").set_input_files(reviews)
    expect(page.get_by_role("textbox", name="customer").last).to_have_value("Grace")
    page.get_by_role("button", name="Run", exact=False).last.click()
    asked = page.get_by_role("group", name="Calls awaiting approval")
    expect(asked).to_contain_text("Send these answers?", timeout=RUN_WITHIN_MS)
    show(page, "approval")
    assert_usable(page, "editor, run that awaits an approval")
    asked.get_by_role("button", name="Approve").click()
    result = page.get_by_role("region", name="Result")
    for count in (4, 6):
        expect(result).to_contain_text(f"Thank you for your {count} words in English.", timeout=RUN_WITHIN_MS)
    show(page, "flow-tried")


def publish(page: Page) -> None:
    page.get_by_role("button", name="Publish draft…").click()
    dialog = page.get_by_role("dialog", name="Publish draft")
    expect(dialog.get_by_role("region", name="Checks")).to_contain_text("The draft has no problems")
    expect(dialog.get_by_role("region", name="Cost of a run")).to_contain_text("answer-review")
    dialog.get_by_label("Environment").select_option("Development")
    dialog.get_by_label("Release notes").fill("Answers reviews")
    expect(dialog.get_by_role("button", name="Publish and activate")).to_be_enabled()
    expect(dialog.get_by_role("button", name="Publish and activate")).to_be_in_viewport(ratio=1)
    show(page, "publish")
    assert_usable(page, "editor, publish to an environment")
    dialog.get_by_role("button", name="Publish and activate").click()
    expect(dialog).to_contain_text("New jobs of development use this version.")
    expect(dialog).to_contain_text('"environment":"development"')
    expect(dialog).to_contain_text("must contain an API key of Development")
    dialog.get_by_text("Advanced: single scopes").click()
    expect(dialog.get_by_role("checkbox", name="jobs:read", exact=True)).to_be_visible()
    expect(dialog.get_by_role("checkbox", name="keys:write", exact=True)).to_have_count(0)
    dialog.get_by_role("link", name="Deployments").click()


def promote(page: Page) -> None:
    strip = page.get_by_role("list").filter(has_text="Development")
    production = strip.get_by_role("listitem", name="Production")
    expect(production).to_contain_text("No active version")
    strip.get_by_role("button", name="Promote to Production…").click()
    expect(page.get_by_role("combobox", name="Version")).to_have_value("development")
    show(page, "promote")
    page.get_by_role("button", name="Activate v1 in Production").click()
    expect(production).to_contain_text("v1")


def chat(page: Page) -> None:
    page.get_by_role("link", name="Chat", exact=True).click()
    page.get_by_role("combobox", name="Agent").select_option("answer-review")
    page.get_by_role("textbox", name="Message", exact=True).fill("The parcel was late, and wet.")
    page.keyboard.press("Enter")
    log = page.get_by_role("log", name="Messages")
    expect(log).to_contain_text("Thank you for your 6 words in English.", timeout=RUN_WITHIN_MS)
    expect(log).to_contain_text("detect_language")
    expect(log).to_contain_text("version 1")
    show(page, "chat")
