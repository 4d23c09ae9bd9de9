"""A request for a function is limited to the ceilings of the operator, also if its skill declares no limits."""

from __future__ import annotations

import pytest

from backend.execution.jobs.validation import check_limits
from backend.identity.limits.errors import LimitAboveCeiling
from backend.skills.job_limits import JobLimits
from backend.skills.manifest import job_ceilings
from backend.skills.manifest.job_ceilings import JobCeilings
from tests.factories.tenants import make_skill


@pytest.mark.parametrize("name", ["cost_usd", "steps", "tokens"])
def test_limits_of_a_function_are_not_above_the_operators_ceiling(name: str) -> None:
    function, before = make_skill(), job_ceilings.current()
    job_ceilings.use(JobCeilings(max_cost_usd=100, max_steps=100, max_tokens=100))
    try:
        check_limits(function, JobLimits.model_validate({name: 100}))
        with pytest.raises(LimitAboveCeiling) as rejected:
            check_limits(function, JobLimits.model_validate({name: 101}))
    finally:
        job_ceilings.use(before)

    assert job_ceilings.SETTINGS[name] in str(rejected.value.problems)
