"""A real Kafka broker of one node (KRaft) on this machine."""

from __future__ import annotations

import base64
import subprocess
import uuid
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from feedmill.cli.local import jars, probes
from feedmill.cli.local.layout import Home
from feedmill.cli.local.part import PartFailed, PartSpec, environment_for_parts

HEAP_MB = 384
"""Holds all topics of Feedmill at the rates one machine makes; the whole platform stays below 1.6 GB."""

JVM = (
    f"-Xmx{HEAP_MB}m",
    "-Xms128m",
    "-Xss512k",
    "-XX:+UseSerialGC",
    "-XX:MaxMetaspaceSize=128m",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
)

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{advertised_port}
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.session.timeout.ms=6000
num.network.threads=2
num.io.threads=4
background.threads=4
num.recovery.threads.per.data.dir=2
log.segment.bytes=268435456
log.index.size.max.bytes=2097152
log.cleaner.dedupe.buffer.size=4194304
log.cleaner.io.buffer.size=131072
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
"""
"""A killed broker may come back when its session is over, so that is short; but longer than a busy machine stalls."""

QUICK_JVM = ("-XX:TieredStopAtLevel=1",)
"""Compiled once and simply: up sooner, and a third more of the processor ever after. For brokers of a few minutes."""

LOGGING = """\
<Configuration status="error"><Appenders><Console name="out"><PatternLayout pattern="%d{ISO8601} %p %m (%c)%n"/>
</Console></Appenders><Loggers><Root level="WARN"><AppenderRef ref="out"/></Root></Loggers></Configuration>
"""


@dataclass(frozen=True, slots=True)
class Kafka:
    home: Home
    port: int
    controller_port: int
    advertised_port: int | None = None
    """Where clients are sent, if something stands in front of it."""
    lasting: bool = False
    """Whether it will run long enough for its code to be compiled well."""

    @property
    def bootstrap_servers(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def folder(self) -> Path:
        return self.home.data / "kafka"

    def java(self, main: str, *arguments: str, lasting: bool = False) -> tuple[str, ...]:
        logging = f"-Dlog4j2.configurationFile={self.folder / 'log4j2.xml'}"
        jvm = JVM if lasting else (*JVM, *QUICK_JVM)
        return (str(jars.java()), *jvm, logging, "-cp", jars.kafka_class_path(), main, *arguments)

    def spec(self) -> PartSpec:
        """Fetches Java and the jars where they are not there yet."""
        return PartSpec(
            name="kafka",
            command=self.java("kafka.Kafka", str(self.folder / "server.properties"), lasting=self.lasting),
            address=self.bootstrap_servers,
            log=self.home.log_of("kafka"),
            ready=partial(probes.kafka, self.port),
            env=environment_for_parts(),
            prepare=self.prepare,
            stop_timeout_s=30.0,
        )

    def prepare(self) -> None:
        """Writes the settings (ports may have moved), and formats the log folder the first time."""
        self.folder.mkdir(parents=True, exist_ok=True)
        data = self.folder / "log"
        settings = PROPERTIES.format(
            port=self.port,
            advertised_port=self.advertised_port or self.port,
            controller_port=self.controller_port,
            data=data,
        )
        (self.folder / "server.properties").write_text(settings)
        (self.folder / "log4j2.xml").write_text(LOGGING)
        if not (data / "meta.properties").exists():
            self.format()

    def format(self) -> None:
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        # One argument: an id that begins with a dash would be taken for an option.
        where = (f"--cluster-id={cluster_id}", "--config", str(self.folder / "server.properties"))
        command = self.java("kafka.tools.StorageTool", "format", *where)
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode:
            raise PartFailed(f"kafka's log folder could not be formatted\n{done.stdout}{done.stderr}")
