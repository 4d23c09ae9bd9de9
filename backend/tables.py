"""Table of contents of the schema: importing this module registers every table with the metadata."""

from backend.approvals.tables import Approval
from backend.auth.tables import ApiKey, AuditRow, PasswordReset, Session, SetupLink, User
from backend.db import metadata
from backend.deployments.tables import Deployment
from backend.drive.tables import DriveFile, DriveUpload, DriveUsage
from backend.events.tables import JobEvent
from backend.fleet.tables import Worker
from backend.idempotency.tables import IdempotencyKey
from backend.jobs.tables import Admission, Feedback, Job, QueuedJob
from backend.journal.tables import JournalEntry
from backend.ledger.tables import Budget, DailySpending, LedgerEntry, UsageEvent, Wallet
from backend.media.tables import MediaCall
from backend.metrics.tables import ProcessMetrics
from backend.projects.tables import Invitation, Member, Project
from backend.providers.tables import ProviderKey
from backend.secrets.tables import Secret
from backend.skillpacks.tables import Skillpack

__all__ = [
    "Admission",
    "ApiKey",
    "Approval",
    "AuditRow",
    "Budget",
    "DailySpending",
    "Deployment",
    "DriveFile",
    "DriveUpload",
    "DriveUsage",
    "Feedback",
    "IdempotencyKey",
    "Invitation",
    "Job",
    "JobEvent",
    "JournalEntry",
    "LedgerEntry",
    "MediaCall",
    "Member",
    "PasswordReset",
    "ProcessMetrics",
    "Project",
    "ProviderKey",
    "QueuedJob",
    "Secret",
    "Session",
    "SetupLink",
    "Skillpack",
    "UsageEvent",
    "User",
    "Wallet",
    "Worker",
    "metadata",
]
