#!/bin/bash
# As the public image: settings from the environment, the log folder formatted once, then the broker.
set -eu
config=/opt/kafka/config
if ! said=$(/opt/kafka/bin/kafka-run-class.sh kafka.docker.KafkaDockerWrapper setup --default-configs-dir /etc/kafka/docker \
    --mounted-configs-dir /mnt/shared/config --final-configs-dir $config 2>&1); then
  grep -qi 'already formatted' <<<"$said" || { echo "$said" >&2; exit 1; }
fi
LOG4J_FILE=$config/log4j2.yaml exec /opt/kafka/bin/kafka-run-class.sh kafka.Kafka $config/server.properties
