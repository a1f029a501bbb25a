"""The probewatch daemon: from bytes in Kafka to findings in the analyst's tool."""
