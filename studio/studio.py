"""The Reflex application: which pages there are."""

from __future__ import annotations

import reflex as rx

from studio.pages import account, home, job, jobs, not_found, play, project, settings
from studio.shell import Shell, on_error
from studio.theme import STYLESHEETS

app = rx.App(stylesheets=list(STYLESHEETS), backend_exception_handler=on_error, toaster=None, app_wraps={})

_PAGES = [
    ("/", "Projects", home.page, [Shell.visit, home.Home.load]),
    ("/account", "Your account", account.page, [Shell.visit, account.Account.load]),
    ("/p/[project]", "Skills", project.page, [Shell.enter, project.Overview.load]),
    ("/p/[project]/jobs", "Jobs", jobs.page, [Shell.enter, jobs.Jobs.load]),
    ("/p/[project]/jobs/[job]", "Job", job.page, [Shell.enter, job.JobPage.load]),
    ("/p/[project]/play/[skill]", "Playground", play.page, [Shell.enter, play.Play.load]),
    ("/p/[project]/settings", "Settings", settings.page, [Shell.enter, settings.Settings.load]),
]

app.add_page(not_found.page, route="404", title="Not found · Puras Studio")
for route, title, page, on_load in _PAGES:
    app.add_page(page, route=route, title=f"{title} · Puras Studio", on_load=on_load)
