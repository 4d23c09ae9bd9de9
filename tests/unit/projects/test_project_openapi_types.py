"""The types in the OpenAPI description of the skills of a project."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from jsonschema import Draft202012Validator

from backend.identity.tables import Project
from backend.openapi.project import describe
from backend.skills.deployments.service import ActiveSkill
from backend.skills.deployments.tables import Deployment
from backend.skills.manifest.types import Skill
from backend.skills.skillpacks.tables import Skillpack
from tests.factories.tenants import make_skill


def active(*skills: Skill, slug: str = "default") -> list[ActiveSkill]:
    project_id = uuid4()
    pack = Skillpack(project_id=project_id, slug=slug, name=slug, is_default=slug == "default")
    deployment = Deployment(
        project_id=project_id,
        skillpack_id=pack.id,
        version=3,
        sha256="",
        size_bytes=1,
        manifest={},
        warnings=[],
    )
    return [ActiveSkill(skill, pack, deployment) for skill in skills]


def described(*skills: ActiveSkill) -> dict[str, Any]:
    return describe(Project(slug="demo", name="Demo"), skills, url="http://127.0.0.1:8000")


def names(spec: dict[str, Any]) -> list[str]:
    return [methods["post"]["operationId"] for methods in spec["paths"].values()]


def test_skills_of_the_default_skillpack_have_short_names() -> None:
    spec = described(*active(make_skill("resize")), *active(make_skill("resize"), slug="work"))
    assert list(spec["paths"]) == ["/v1/skills/resize/run", "/v1/skills/work/resize/run"]
    assert names(spec) == ["run_resize", "run_work_resize"]
    assert spec["info"]["version"] == "default.3-work.3"


def test_names_that_differ_only_in_punctuation_get_distinct_types() -> None:
    spec = described(*active(make_skill("a-b"), make_skill("a_b"), make_skill("3d")))
    assert len(set(names(spec))) == 3
    assert {"ABInputs", "ABNo2Inputs", "Skill3dInputs"} <= set(spec["components"]["schemas"])


def test_references_within_a_schema_are_resolved() -> None:
    tree = {
        "type": "object",
        "properties": {
            "leaf": {"$ref": "#/$defs/leaf"},
            "children": {"type": "array", "items": {"$ref": "#"}},
        },
        "$defs": {"leaf": {"type": "integer"}},
        "default": {"$ref": "#not-a-reference"},
    }
    inputs = described(*active(make_skill("tree", input_schema=tree)))["components"]["schemas"]["TreeInputs"]
    assert inputs["properties"]["leaf"] == {"$ref": "#/components/schemas/TreeInputs/$defs/leaf"}
    assert inputs["properties"]["children"]["items"] == {"$ref": "#/components/schemas/TreeInputs"}
    assert inputs["default"] == {"$ref": "#not-a-reference"}


def test_types_are_converted_to_json_schema_and_results_are_complete() -> None:
    photo = {"type": "object", "properties": {"photo": {"type": "image"}}}
    spec = described(*active(make_skill("frame", input_schema=photo, output_schema=photo)))
    types = spec["components"]["schemas"]
    for schema in types.values():
        Draft202012Validator.check_schema(schema)
    assert "required" not in types["FrameInputs"]
    assert types["FrameResult"]["required"] == ["photo"]
    assert {"$ref": "#/components/schemas/FrameResult"} in types["FrameJob"]["properties"]["result"]["anyOf"]


def test_examples_are_included() -> None:
    skill = make_skill("greet", examples=[{"inputs": {"name": "Ada"}, "title": "In English"}])
    body = described(*active(skill))["paths"]["/v1/skills/greet/run"]["post"]["requestBody"]
    examples = body["content"]["application/json"]["examples"]
    assert examples == {"example_1": {"summary": "In English", "value": {"name": "Ada"}}}


def test_project_without_skills_has_a_description() -> None:
    assert described()["paths"] == {}
