"""The selected versions: their comparison, and the dialog that deletes them one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import reflex as rx

from backend.publishing import versions
from studio import selection
from studio.bulk_action import ActOnRow, BulkAction, bulk_dialog
from studio.components.elements import button
from studio.pages.deployments.versions import COMPARED_VERSIONS, Deployments
from studio.session import Act
from studio.shell import Shell
from studio.typing_of_reflex import Handled, as_var


class Bulk(BulkAction, rx.State):
    """The deletion of several versions. Those that an environment or an unfinished job uses are not deleted."""

    _versions: dict[str, str] = {}

    @rx.event
    async def begin(self) -> None:
        """Ask for the confirmation."""
        page = await self.get_state(Deployments)
        rows = [row for row in page.rows if row.id in page.picked]
        self._versions = {row.id: row.version for row in rows}
        self._ask("delete", {row.id: row.is_deletable for row in rows})

    def _act_on_row(self, typed: Mapping[str, Any]) -> ActOnRow:
        names = dict(self._versions)
        return self._in_project(
            _delete, message=lambda key, error: f"{names[key]}: {error.detail}", is_deletion=True
        )

    def _after(self, *, has_acted: bool) -> Handled:
        return [Deployments.leave, Deployments.refresh] if has_acted else None


async def _delete(act: Act, version_id: str) -> None:
    await versions.delete(act.session, act.principal, version_id)


def selection_bar() -> rx.Component:
    """Render the actions on the selected versions."""
    count = as_var(Deployments.picked).length()
    return selection.selection_bar(
        Deployments,
        "Selected versions",
        rx.cond(
            count == 1,
            rx.el.span("Select another version to compare", class_name="t3", role="status"),
            button(
                "Compare selected",
                kind="pri",
                disabled=count != COMPARED_VERSIONS,
                title="Select two versions to compare them",
                on_click=Deployments.compare_selected,
                custom_attrs={"data-key": "d"},
            ),
        ),
        rx.cond(Shell.can_write, button("Delete…", kind="danger", on_click=Bulk.begin)),
        class_name="job-bar row wrap",
    )


def dialog() -> rx.Component:
    """Render the dialog while the deletion is to be confirmed or in progress."""
    return bulk_dialog(
        Bulk,
        rx.el.p(
            "The versions can no longer be activated, compared or downloaded. Their jobs and results are kept.",
            rx.cond(
                Bulk.skipped > 0,
                f" {Bulk.skipped} of the selected versions are active or have unfinished jobs, and are not deleted.",
                "",
            ),
            class_name="t2",
        ),
        verb="Delete",
        nouns=("version", "versions"),
        is_danger=True,
        is_confirm_focused=False,
    )
