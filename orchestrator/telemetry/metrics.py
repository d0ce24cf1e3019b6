"""Prometheus metrics: what ``connectors.signals`` declares, and nothing else. Without prometheus-client, nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, get_args

import msgspec

from connectors.signals import BUCKETS, METRICS, Counter, Gauge, Histogram, Name
from orchestrator.telemetry.fields import Vocabulary

if TYPE_CHECKING:
    from prometheus_client.metrics_core import GaugeMetricFamily

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
CACHE_SECONDS: Final = 5.0
"""Figures of the store are read at most so often, however many scrape."""


class Sample(msgspec.Struct, frozen=True):
    """One value of a gauge that is read when somebody scrapes."""

    name: Gauge
    value: float
    labels: dict[str, str] = {}


Reader = Callable[[], Iterable[Sample]]


class Meter:
    """Counters, histograms and gauges in a registry of its own."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._made: dict[str, Any] = {}
        self._registry: Any = None
        self._lock = threading.Lock()
        try:
            import prometheus_client
        except ImportError:
            return
        self._registry = prometheus_client.CollectorRegistry()
        prometheus_client.ProcessCollector(registry=self._registry)
        prometheus_client.PlatformCollector(registry=self._registry)

    @property
    def there(self) -> bool:
        """Tell whether prometheus-client is installed."""
        return self._registry is not None

    def count(self, name: Counter, amount: float, labels: dict[str, str]) -> None:
        """Add to a counter."""
        if (one := self._metric(name, labels)) is not None:
            one.inc(amount)

    def observe(self, name: Histogram, seconds: float, labels: dict[str, str]) -> None:
        """Add to a histogram."""
        if (one := self._metric(name, labels)) is not None:
            one.observe(seconds)

    def gauge(self, name: Gauge, value: float, labels: dict[str, str]) -> None:
        """Set a gauge."""
        if (one := self._metric(name, labels)) is not None:
            one.set(value)

    def _metric(self, name: Name, labels: dict[str, str]) -> Any:
        if self._registry is None:
            return None
        declared = METRICS[name].labels
        if unknown := labels.keys() - set(declared):
            raise KeyError(f"{name} has no label {min(unknown)}")
        one = self._made.get(name) or self._make(name)
        return one.labels(*(self._vocabulary.label(it, labels.get(it, "")) for it in declared)) if declared else one

    def _make(self, name: Name) -> Any:
        import prometheus_client as client

        with self._lock:
            if name not in self._made:
                told = METRICS[name]
                if name in get_args(Counter):
                    made: Any = client.Counter(name, told.help, told.labels, registry=self._registry)
                elif name in get_args(Histogram):
                    made = client.Histogram(name, told.help, told.labels, registry=self._registry, buckets=BUCKETS)
                else:
                    made = client.Gauge(name, told.help, told.labels, registry=self._registry)
                self._made[name] = made
            return self._made[name]

    def read(self, names: Sequence[Gauge], reader: Reader) -> None:
        """Fill these gauges by ``reader`` when somebody scrapes; it is asked at most every ``CACHE_SECONDS``.

        A reader that fails leaves its gauges out of the answer, so that what is old never looks like what is so now;
        ``expunge_store_readable`` is 0 then.
        """
        if self._registry is not None:
            self._registry.register(_Reading(names, reader, self._vocabulary))

    def page(self) -> bytes | None:
        """Give what Prometheus reads, or None without prometheus-client."""
        if self._registry is None:
            return None
        import prometheus_client

        return prometheus_client.generate_latest(self._registry)


class _Reading:
    """A collector with a short memory."""

    def __init__(self, names: Sequence[Gauge], reader: Reader, vocabulary: Vocabulary) -> None:
        self._names = names
        self._reader = reader
        self._vocabulary = vocabulary
        self._lock = threading.Lock()
        self._kept: tuple[float, list[Sample]] | None = None

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name the gauges, so that registering reads nothing."""
        return iter(self._families([]))

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read."""
        with self._lock:
            if self._kept is None or time.monotonic() - self._kept[0] >= CACHE_SECONDS:
                try:
                    samples = [*self._reader(), Sample("expunge_store_readable", 1)]
                except Exception:  # noqa: BLE001 - a scrape is answered whatever happens; the gauge below tells
                    samples = [Sample("expunge_store_readable", 0)]
                self._kept = (time.monotonic(), samples)
            samples = self._kept[1]
        yield from (one for one in self._families(samples) if one.samples)

    def _families(self, samples: Iterable[Sample]) -> list[GaugeMetricFamily]:
        from prometheus_client.metrics_core import GaugeMetricFamily

        names: tuple[Gauge, ...] = (*self._names, "expunge_store_readable")
        made = {name: GaugeMetricFamily(name, METRICS[name].help, labels=METRICS[name].labels) for name in names}
        sums: dict[tuple[Gauge, tuple[str, ...]], float] = {}
        for one in samples:
            values = tuple(self._vocabulary.label(it, one.labels.get(it, "")) for it in METRICS[one.name].labels)
            # Several values that are not declared are one: `other`.
            sums[one.name, values] = sums.get((one.name, values), 0.0) + one.value
        for (name, values), value in sums.items():
            made[name].add_metric(values, value)
        return list(made.values())
