"""`python -m fuzz [--seconds N] [TARGET...]`: fuzzes each target in turn, guided by coverage, each in a process.

One execution of the fuzzer is a batch of BATCH inputs: the one that it made, and those that `mutate` derives from it.
Prints how many inputs each target was given. The exit code is 1 where a target has failed; what it was given then lies
in the folder of crashes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from pathlib import Path

BATCH = 64
PLAIN = ("batches",)  # their kernels run uncompiled, so that coverage guides through them
UNCOMPILED = (
    *("monitor.record.scan", "monitor.sources.index"),  # kernels: a compiler does not understand counters of coverage
    "monitor.record.warm",
)
HERE = Path(__file__).parent
HANG = 30  # seconds for one batch
MEMORY = 2_048  # MiB


def one(target: str, seconds: int, found: Path) -> None:
    """Fuzz one target in this process, until the time is over."""
    import atheris

    if target in PLAIN:
        os.environ["NUMBA_DISABLE_JIT"] = "1"
    kept = [name for name in UNCOMPILED if not (target in PLAIN and name == "monitor.sources.index")]
    for name in kept:
        __import__(name)
    with atheris.instrument_imports(include=["monitor"], enable_loader_override=False):
        from fuzz.mutate import around
        from fuzz.seeds import seeds
        from fuzz.targets import TARGETS
    run, count, begun = TARGETS[target], 0, time.monotonic()
    for number, seed in enumerate(seeds(target)):
        (found / f"seed{number}").write_bytes(seed)
    told = found.parent / f"{target}.count"

    def execute(data: bytes) -> None:
        nonlocal count
        inputs = list(around(data, BATCH))
        run(inputs)
        count += len(inputs)
        if count % (BATCH * 64) == 0:
            told.write_text(json.dumps({"target": target, "inputs": count, "seconds": time.monotonic() - begun}))

    options = [f"-max_total_time={seconds}", f"-timeout={HANG}", f"-rss_limit_mb={MEMORY}", "-max_len=2048"]
    crashes = Path(os.environ.get("FUZZ_CRASHES", "fuzz-crashes"))
    crashes.mkdir(parents=True, exist_ok=True)
    arguments = [sys.argv[0], *options, f"-artifact_prefix={crashes}/{target}-", "-print_final_stats=1", str(found)]
    corpus = HERE / "corpus" / target
    atheris.Setup([*arguments, *([str(corpus)] if corpus.is_dir() else [])], execute)
    atheris.Fuzz()


def main() -> int:
    """Each target in a process of its own; the sum of inputs at the end."""
    parser = ArgumentParser(prog="fuzz")
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--only", help="(internal) this target, in this process")
    parser.add_argument("--found", type=Path, help="a folder for what coverage finds; a temporary one otherwise")
    given = parser.parse_args()
    if given.only:
        one(given.only, given.seconds, given.found)
        return 0
    from fuzz.targets import TARGETS

    failed, total, work = [], 0, given.found or Path(tempfile.mkdtemp(prefix="fuzz-"))
    for target in given.targets or TARGETS:
        (work / target).mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "fuzz", "--only", target, "--seconds", str(given.seconds)]
        with (work / f"{target}.log").open("w") as log:
            code = subprocess.run([*command, "--found", work / target], stdout=log, stderr=log, check=False).returncode
        told = work / f"{target}.count"
        done = json.loads(told.read_text()) if told.exists() else {"inputs": 0, "seconds": 0.0}
        total += done["inputs"]
        print(
            f"{target:14}{done['inputs']:>12,} inputs{done['seconds']:8.0f} s  {'ok' if code == 0 else 'FAILED'}",
            flush=True,
        )
        if code:
            failed.append(target)
            print((work / f"{target}.log").read_text()[-3_000:], file=sys.stderr)
    print(f"{'all':14}{total:>12,} inputs")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
