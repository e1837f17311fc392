#!/bin/sh
# shellcheck disable=SC2086  # the options are lists
exec java ${KAFKA_HEAP_OPTS:--Xmx512m} ${KAFKA_JVM_PERFORMANCE_OPTS:-} -Dlog4j2.configurationFile="${LOG4J_FILE:-/etc/kafka/docker/tools-log4j2.yaml}" \
  ${KAFKA_OPTS:-} -cp '/opt/kafka/libs/*' "$@"
