"""From the start of the daemon's process until it is ready: `probewatch run` on a real Kafka.

`cold` has an empty folder for compiled kernels (NUMBA_CACHE_DIR) and no state, as the first start after an upgrade;
`warm` finds the kernels compiled; `warm with state` finds a snapshot of 100,000 clients too, made by feeding an engine
as memory.py does. Ready is when /readyz answers 200: the group is formed, partitions are assigned and restored. The
group is new each time, so that no session of an earlier process has to run out.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen
from uuid import uuid4

import orjson
from goals import Report, at_most
from installed import KEY, REPOSITORY, command, environment
from load import make_topic, remove_topic
from memory import stream, volumes
from printed import table

from monitor.config.load import load_settings
from monitor.record.raw import Partition
from monitor.runtime.engines import engine_maker
from monitor.runtime.folder import SnapshotFolder
from monitor.runtime.keys import key_name, keys_of
from monitor.runtime.learnt import config_hash
from monitor.runtime.snapshots import Snapshot

WARM_BAR: Final = 5.0  # seconds
COLD_BAR: Final = 15.0
PATIENCE: Final = 300.0
SETTINGS: Final = """
[source.kafka]
brokers = ["{kafka}"]
topics = ["{topic}"]
group = "{group}"
[runtime]
state = "{state}"
[health]
port = 0
"""
