"""The enricher: raw topics -> canonical (enriched) topics. The whole service on one screen."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing

from feedmill.contracts.topics import RAW
from feedmill.enricher.articles import Articles
from feedmill.enricher.lane import Lane, lanes_from_tail
from feedmill.enricher.pipeline import Pipeline
from feedmill.enricher.processor import Enricher
from feedmill.enricher.settings import EnricherSettings
from feedmill.runtime import logs
from feedmill.runtime.dead_letters import RejectLimit
from feedmill.runtime.failpoints import check_build
from feedmill.runtime.health import Health, SidePort
from feedmill.runtime.kafka import Consumer, LogReader, Producer
from feedmill.runtime.loop import Loop
from feedmill.runtime.memory_policy import apply_memory_policy
from feedmill.runtime.outcome import Fatal, TopicPartition
from feedmill.runtime.settings import SettingsError
from feedmill.runtime.signals import stop_on_signals

GROUP = "enricher"


def run(settings: EnricherSettings) -> None:
    """Until SIGTERM or SIGINT. Raises Fatal."""
    stop = stop_on_signals()
    health = Health("enricher")
    with ExitStack() as opened:  # closed in reverse: consumer, then producer
        opened.enter_context(SidePort(health, settings.host, settings.port))
        producer = opened.enter_context(closing(Producer(settings.kafka, gapless=True)))

        articles = _articles(settings)

        def lanes_of(partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, Lane]:
            with LogReader(settings.kafka) as reader:
                return lanes_from_tail(reader, partitions, settings.memory_ids_per_partition)

        enricher = Enricher(
            consumer=lambda: consumer,
            producer=producer,
            pipeline=Pipeline(articles),
            lanes_of=lanes_of,
            commit_interval_ms=settings.commit_interval_ms,
            full_batch_records=settings.loop.max_records,
            reject_limit=RejectLimit(settings.max_rejects_in_a_row),
        )
        topics = [topic.name for topic in RAW]
        consumer = opened.enter_context(
            closing(Consumer(settings.kafka, GROUP, topics, settings.group, on_revoked=enricher.revoked))
        )
        health.report("kafka", up=False, detail="joining the group")
        apply_memory_policy()
        Loop(consumer, enricher, stop, settings.loop, health).run()


def _articles(settings: EnricherSettings) -> Articles:
    """Raises Fatal where the list or the model is missing or bad."""
    try:
        return Articles(settings.entities_path, settings.saga_model_path)
    except (OSError, ValueError) as error:
        raise Fatal(f"articles cannot be read: {error}; `feedmill saga train` makes a model") from error


def main() -> int:
    """Exit status 0 after a clean drain, 1 after a fatal error, 2 where the settings are wrong."""
    try:
        check_build()
        settings = EnricherSettings.from_env()
    except (SettingsError, ValueError) as error:
        print(f"enricher: {error}", file=sys.stderr)
        return 2
    logs.configure(settings.log, service="enricher")
    log = logs.get("feedmill.enricher")
    try:
        run(settings)
    except Fatal as reason:
        log.error("stopped", reason=str(reason))
        return 1
    log.info("drained")
    return 0
