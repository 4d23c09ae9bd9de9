"""All tables of the schema: importing this module registers every table with the metadata."""

from backend.authoring.drafts.tables import Draft, DraftFile
from backend.authoring.notebooks.tables import NotebookCell, NotebookKernel
from backend.core.db.engine import metadata
from backend.core.process_metrics.tables import ProcessMetrics
from backend.data.drive.tables import DriveFile, DriveUpload, DriveUsage
from backend.data.memory.tables import MemoryChange, MemoryRecord, MemoryUsage, MemoryVector
from backend.data.secrets.tables import EnvironmentSecret, Secret
from backend.evals.annotations.tables import Annotation, AnnotationItem, AnnotationQueue
from backend.evals.tables import EvalCase, EvalRun, EvalSuite
from backend.execution.approvals.tables import Approval
from backend.execution.comments.tables import JobComment, MentionEmail
from backend.execution.events.tables import JobEventRow
from backend.execution.flows.tables import FlowStep
from backend.execution.jobs.failures.tables import FailureCluster
from backend.execution.jobs.tables import Admission, Feedback, Job, QueuedJob
from backend.execution.journal.tables import JournalEntry
from backend.execution.schedules.tables import Schedule, ScheduleRun
from backend.execution.sessions.tables import AgentSession, SessionTurn
from backend.execution.shares.tables import JobShare
from backend.execution.steps.tables import JobStep
from backend.execution.waits.tables import JobWait, ProjectEvent
from backend.execution.worker_registry.tables import Worker
from backend.identity.idempotency.tables import IdempotencyKey
from backend.identity.preferences.tables import UserPreferences
from backend.identity.tables import (
    ApiKey,
    AuditRow,
    Invitation,
    Member,
    PasswordReset,
    Project,
    Session,
    SetupLink,
    User,
)
from backend.identity.webhook_outbox.tables import Webhook, WebhookDelivery
from backend.integrations.alerts.tables import AlertRule
from backend.integrations.media.tables import MediaCall
from backend.integrations.providers.tables import ProviderKey, ProviderPrice
from backend.marketplace.tables import Listing, ListingCaller, ListingVersion
from backend.money.budgets.tables import Budget
from backend.money.ledger.tables import DailySpending, EnvironmentSpending, LedgerEntry, UsageEvent, Wallet
from backend.saved_views.tables import SavedView
from backend.skills.deployments.tables import Deployment
from backend.skills.prompts.tables import DeploymentPrompt, PromptLabel
from backend.skills.skillpacks.tables import EnvironmentVersion, Skillpack

__all__ = [
    "Admission",
    "AgentSession",
    "AlertRule",
    "Annotation",
    "AnnotationItem",
    "AnnotationQueue",
    "ApiKey",
    "Approval",
    "AuditRow",
    "Budget",
    "DailySpending",
    "Deployment",
    "DeploymentPrompt",
    "Draft",
    "DraftFile",
    "DriveFile",
    "DriveUpload",
    "DriveUsage",
    "EnvironmentSecret",
    "EnvironmentSpending",
    "EnvironmentVersion",
    "EvalCase",
    "EvalRun",
    "EvalSuite",
    "FailureCluster",
    "Feedback",
    "FlowStep",
    "IdempotencyKey",
    "Invitation",
    "Job",
    "JobComment",
    "JobEventRow",
    "JobShare",
    "JobStep",
    "JobWait",
    "JournalEntry",
    "LedgerEntry",
    "Listing",
    "ListingCaller",
    "ListingVersion",
    "MediaCall",
    "Member",
    "MemoryChange",
    "MemoryRecord",
    "MemoryUsage",
    "MemoryVector",
    "MentionEmail",
    "NotebookCell",
    "NotebookKernel",
    "PasswordReset",
    "ProcessMetrics",
    "Project",
    "ProjectEvent",
    "PromptLabel",
    "ProviderKey",
    "ProviderPrice",
    "QueuedJob",
    "SavedView",
    "Schedule",
    "ScheduleRun",
    "Secret",
    "Session",
    "SessionTurn",
    "SetupLink",
    "Skillpack",
    "UsageEvent",
    "User",
    "UserPreferences",
    "Wallet",
    "Webhook",
    "WebhookDelivery",
    "Worker",
    "metadata",
]
