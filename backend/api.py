"""The routes of `/v1`."""

from fastapi import APIRouter
from fastapi.routing import iter_route_contexts

from backend import openapi
from backend.administration.activity.api import router as project_activity
from backend.administration.admin.api import router as operators
from backend.administration.projects.api import router as projects
from backend.administration.projects.limits_api import router as limits
from backend.authoring.agent_tools.api import router as agent_tools
from backend.authoring.api_tools.api import router as api_tools
from backend.authoring.assistant.api import router as assistant
from backend.authoring.drafts.api import router as drafts
from backend.authoring.drafts.search_api import router as draft_search
from backend.authoring.flow_yaml.api import router as flow_yaml
from backend.authoring.notebooks.api import router as notebooks
from backend.authoring.python_help.api import router as python_help
from backend.authoring.skill_yaml.api import router as skill_yaml
from backend.core.http.lazy_routes import include
from backend.data.drive.api import router as drive
from backend.data.drive.folders_api import router as drive_folders
from backend.data.drive.uploads.api import router as drive_uploads
from backend.data.memory.api import router as memory
from backend.data.memory.in_job_api import router as memory_in_jobs
from backend.data.secrets.api import router as secrets
from backend.docs_site.api import router as documents
from backend.evals.annotations.api import router as annotations
from backend.evals.api import router as evals
from backend.evals.insights.api import router as findings
from backend.execution.approvals.api import router as approvals
from backend.execution.comments.api import router as comments
from backend.execution.flows.steps_api import router as steps
from backend.execution.jobs.activity_api import router as activity
from backend.execution.jobs.api import router as jobs
from backend.execution.jobs.events_api import router as events
from backend.execution.jobs.failures.api import router as failures
from backend.execution.jobs.forks.api import router as forks
from backend.execution.jobs.subjobs.api import router as subagents
from backend.execution.logs.api import router as logs
from backend.execution.model_calls.api import router as model_calls
from backend.execution.schedules.api import router as schedules
from backend.execution.sessions.api import router as conversations
from backend.execution.shares.api import router as shares
from backend.execution.waits.api import router as project_events
from backend.identity.api_keys.api import router as api_keys
from backend.identity.auth.api import router as auth
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.preferences.api import router as preferences
from backend.integrations.alerts.api import router as alerts
from backend.integrations.media.api import router as media
from backend.integrations.openai_api.api import router as openai_routes
from backend.integrations.providers.api import router as providers
from backend.integrations.web.api import router as web
from backend.integrations.webhooks.api import router as webhooks
from backend.marketplace.api import router as marketplace
from backend.money.budgets.api import router as budgets
from backend.publishing.api import router as deployments
from backend.publishing.environments_api import router as environments
from backend.publishing.prompts.api import router as prompts
from backend.publishing.skills_api import router as skills
from backend.saved_views.api import router as saved_views
from backend.sign_in.sessions_api import router as sessions
from backend.skills.skillpacks.api import router as skillpacks
from backend.skills.skillpacks.hindsight_api import router as hindsight
from backend.usage.api import router as ledger

MAX_BODY_BYTES = 8 * 1024 * 1024
"""The default; routes with larger bodies set `max_body_size=`."""

router = APIRouter(
    prefix="/v1", max_body_size=MAX_BODY_BYTES, generate_unique_id_function=openapi.operation_id
)
include(
    router,
    activity,  # before the jobs, whose routes would match `activity` as an ID
    jobs,  # early: routes are tried in order, and these get the most requests
    events,
    steps,
    subagents,
    forks,
    model_calls,
    logs,
    shares,
    comments,
    saved_views,
    failures,
    conversations,
    openai_routes,
    approvals,
    evals,
    annotations,
    auth,
    api_keys,
    sessions,
    preferences,
    projects,
    project_activity,
    limits,
    skillpacks,
    hindsight,
    drafts,
    draft_search,
    python_help,
    assistant,
    skill_yaml,
    agent_tools,
    api_tools,
    flow_yaml,
    notebooks,
    deployments,
    environments,
    findings,
    prompts,
    skills,
    ledger,
    budgets,
    drive,
    drive_folders,
    drive_uploads,
    marketplace,
    media,
    web,
    memory,
    memory_in_jobs,
    secrets,
    providers,
    webhooks,
    alerts,
    schedules,
    project_events,
    operators,
    documents,
)


def require_authorized_routes(table: APIRouter) -> None:
    """Check that every route of a router checks its caller's permission before it reads the request.

    Raises:
        TypeError: A router was made without `route_class=AuthorizedRoute`.
    """
    for context in iter_route_contexts(table.routes):
        if not isinstance(context.original_route, AuthorizedRoute):
            raise TypeError(
                f"The route {context.path} does not check permissions. Make its router with "
                "`APIRouter(route_class=AuthorizedRoute)`."
            )


require_authorized_routes(router)
