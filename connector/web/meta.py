"""Facts about the service itself: alive, ready, counted, described."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, Response, jsonify
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from connector.assembly import House
from connector.web.openapi import document


def blueprint(house: House) -> Blueprint:
    """GET /healthz /readyz /metrics /openapi.json."""
    meta = Blueprint("meta", __name__)
    registry = CollectorRegistry()
    registry.register(_FromJournal(house))

    @meta.get("/healthz")
    def healthz() -> Response:
        return jsonify(status="alive")

    @meta.get("/readyz")
    def readyz() -> Response:
        """Ready means the journal answers; a journal that does not becomes a 503 problem."""
        paused = house.journal.flag("paused") is not None
        return jsonify(status="paused" if paused else "ready")

    @meta.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), content_type="text/plain; version=0.0.4; charset=utf-8")

    @meta.get("/openapi.json")
    def openapi() -> Response:
        return jsonify(document(house.settings.public_url))

    return meta


class _FromJournal(Collector):
    """Counts read from the journal when asked, so that every process tells the same."""

    def __init__(self, house: House) -> None:
        self._house = house

    def describe(self) -> Iterator[Metric]:
        yield from ()

    def collect(self) -> Iterator[Metric]:
        states = GaugeMetricFamily("connector_calls", "Calls by state", labels=["state"])
        for state, number in self._house.journal.counts().items():
            states.add_metric([state.value], number)
        yield states
        health = GaugeMetricFamily(
            "connector_attention",
            "Calls that need a look: stuck, dead letters, behind on the CRM, unknown",
            labels=["kind"],
        )
        for kind, number in self._house.journal.health().items():
            health.add_metric([kind], number)
        yield health
        paused = self._house.journal.flag("paused") is not None
        yield GaugeMetricFamily("connector_paused", "1 while the kill switch is on", value=int(paused))
