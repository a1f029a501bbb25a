"""Brokers that a test may kill one by one, and leaders that it may move."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from random import Random

from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import KafkaError
from kafka.protocol.admin import ElectionType
from services.launch import HERE, SCRIPTS, Server

HEAP = "256m"


class Cluster:
    """Brokers of our own, in a folder."""

    def __init__(self, data: Path, brokers: int = 3) -> None:
        self.brokers = brokers
        self._data = data
        self._pids: dict[int, int] = {}
        self.address = self.mend()

    def kill(self, number: int) -> None:
        """kill -9 of one broker, counted from 1."""
        os.kill(self._pids[number], signal.SIGKILL)

    def mend(self) -> str:
        """Starts whatever does not run; the address."""
        command = [sys.executable, HERE / SCRIPTS["kafka"], "--data", self._data, "--brokers", str(self.brokers)]
        done = subprocess.run([*command, "--heap", HEAP], capture_output=True, text=True, check=True)
        about = json.loads(done.stdout)
        self._pids |= {int(number): pid for number, pid in about["pids"].items()}
        return str(about["bootstrap"])

    def leaders(self, topic: str) -> dict[int, int]:
        """The leader of each partition."""
        admin = KafkaAdminClient(bootstrap_servers=self.address)
        try:
            (about,) = admin.describe_topics([topic])
        finally:
            admin.close()
        return {one["partition_index"]: one["leader_id"] for one in about["partitions"]}

    def move_leaders(self, topic: str, partitions: int, chance: Random) -> None:
        """Each partition gets its replicas in another order, with another one than the leader of now as the first, and
        that as leader."""
        now = self.leaders(topic)
        admin = KafkaAdminClient(bootstrap_servers=self.address)
        try:
            orders = {}
            for number in range(partitions):
                order = list(range(1, self.brokers + 1))
                chance.shuffle(order)
                if order[0] == now.get(number):
                    order.append(order.pop(0))
                orders[TopicPartition(topic, number)] = order
            with suppress(KafkaError):  # a broker that is down
                admin.alter_partition_reassignments(orders)
                admin.elect_leaders(ElectionType.PREFERRED, {topic: list(range(partitions))}, raise_errors=False)
        finally:
            admin.close()

    def stop(self) -> None:
        """Ends all brokers."""
        Server(self.address, tuple(self._pids.values())).stop()
