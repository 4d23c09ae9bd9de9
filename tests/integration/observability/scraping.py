"""What Prometheus sees: the exposition, parsed by the library's own parser."""

from __future__ import annotations

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.observability.conftest import TOKEN

HEADERS = {"Authorization": f"Bearer {TOKEN}"}


class Scrape:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self.samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in self.families.values()
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        """The value of one series; 0 when nothing was counted there."""
        return self.samples.get((name, tuple(sorted(labels.items()))), 0.0)

    def total(self, name: str) -> float:
        """The sum of all series of a name."""
        return sum(value for (one, _), value in self.samples.items() if one == name)


async def scrape(http: httpx.AsyncClient) -> Scrape:
    """Ask for the metrics as the operator."""
    answer = await http.get("/metrics", headers=HEADERS)
    assert answer.status_code == 200, answer.text
    return Scrape(answer.text)
