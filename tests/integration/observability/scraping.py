"""The metrics as Prometheus reads them, with the parser of its client library."""

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
        """Return the value of a series; 0 if it does not exist."""
        return self.samples.get((name, tuple(sorted(labels.items()))), 0.0)

    def total(self, name: str) -> float:
        """Return the sum of all series of a name."""
        return sum(value for (one, _), value in self.samples.items() if one == name)


async def scrape(http: httpx.AsyncClient) -> Scrape:
    """Request the metrics with the token of the operator."""
    response = await http.get("/metrics", headers=HEADERS)
    assert response.status_code == 200, response.text
    return Scrape(response.text)
