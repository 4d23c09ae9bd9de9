"""The Reflex application with its pages and their routes."""

from __future__ import annotations

import reflex as rx

from studio.pages import (
    account,
    activity,
    annotation,
    approvals,
    chat,
    deployments,
    drive,
    editor,
    evals,
    gallery,
    home,
    job,
    jobs,
    marketplace,
    memory,
    monitoring,
    not_found,
    notebook,
    operator,
    play,
    project,
    prompts,
    reference,
    settings,
    usage,
)
from studio.shell import Shell, on_error
from studio.theme import STYLESHEETS, theme_script

app = rx.App(
    stylesheets=list(STYLESHEETS),
    backend_exception_handler=on_error,
    toaster=None,
    app_wraps={},
    head_components=[theme_script()],
)

_PAGES = [
    ("/", "Projects", home.page, [Shell.visit, home.Home.load]),
    ("/_components", "Components", gallery.page, [Shell.visit, gallery.Gallery.load]),
    ("/account", "Your account", account.page, [Shell.visit, account.Account.load]),
    ("/operator", "Admin", operator.page, [Shell.visit, operator.Operator.load]),
    ("/p/[project]", "Skills", project.page, [Shell.enter, project.Overview.load]),
    ("/p/[project]/activity", "Activity", activity.page, [Shell.enter, activity.Activity.load]),
    (
        "/p/[project]/annotation",
        "Annotation queues",
        annotation.queues_page,
        [Shell.enter, annotation.Queues.load],
    ),
    (
        "/p/[project]/annotation/[annotation_queue]",
        "Review",
        annotation.review_page,
        [Shell.enter, annotation.Review.load],
    ),
    ("/p/[project]/api", "API reference", reference.page, [Shell.enter, reference.Reference.load]),
    ("/p/[project]/approvals", "Approvals", approvals.page, [Shell.enter, approvals.Inbox.load]),
    ("/p/[project]/chat", "Chat", chat.page, [Shell.enter, chat.Chats.load]),
    ("/p/[project]/drive", "Drive", drive.page, [Shell.enter, drive.Drive.load, drive.Views.load]),
    ("/p/[project]/editor", "Editor", editor.page, [Shell.enter, editor.Editing.load]),
    (
        "/p/[project]/notebook",
        "Notebook",
        notebook.page,
        [Shell.enter, notebook.Notebooks.load],
    ),
    (
        "/p/[project]/deployments",
        "Deployments",
        deployments.page,
        [Shell.enter, deployments.Deployments.load, deployments.Environments.load, deployments.Views.load],
    ),
    ("/p/[project]/evals", "Evals", evals.page, [Shell.enter, evals.Evals.load, evals.Views.load]),
    (
        "/p/[project]/jobs",
        "Jobs",
        jobs.page,
        [
            *(Shell.enter, jobs.Jobs.load, jobs.Day.load, jobs.Comparison.load, jobs.Views.load),
            jobs.Failures.load,
        ],
    ),
    ("/p/[project]/jobs/[job]", "Job", job.page, [Shell.enter, job.JobPage.load]),
    (
        "/p/[project]/marketplace",
        "Marketplace",
        marketplace.page,
        [Shell.enter, marketplace.Market.load, marketplace.Views.load],
    ),
    (
        "/p/[project]/marketplace/[listing]",
        "Listing",
        marketplace.listing_page,
        [Shell.enter, marketplace.Listing.load],
    ),
    ("/p/[project]/memory", "Memory", memory.page, [Shell.enter, memory.MemoryPage.load, memory.Views.load]),
    ("/p/[project]/monitoring", "Monitoring", monitoring.page, [Shell.enter, monitoring.Monitoring.load]),
    ("/p/[project]/play/[skill]", "Playground", play.page, [Shell.enter, play.Play.load]),
    ("/p/[project]/prompts", "Prompts", prompts.page, [Shell.enter, prompts.Prompts.load]),
    ("/p/[project]/usage", "Usage", usage.page, [Shell.enter, usage.Usage.load]),
    ("/p/[project]/settings", "Settings", settings.page, [Shell.enter, settings.Settings.load]),
    ("/p/[project]/settings/[section]", "Settings", settings.page, [Shell.enter, settings.Settings.load]),
]

app.add_page(not_found.page, route="404", title="Not found · Puras Studio")
for route, title, page, on_load in _PAGES:
    app.add_page(page, route=route, title=f"{title} · Puras Studio", on_load=on_load)
