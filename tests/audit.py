"""Known vulnerabilities of what is installed, by pip-audit: 1 where there are some, or the tool fails.

0 otherwise, with a clear word where nothing is known either way: the advisories can not be reached, or know nothing of
our packages."""

from __future__ import annotations

import json
import subprocess
import sys

UNREACHED = ("ConnectionError", "ServiceError", "Max retries", "Failed to resolve", "timed out", "HTTPError")
UNKNOWN = "NOT AUDITED: nothing is known either way."


def main() -> int:
    command = [sys.executable, "-m", "pip_audit", "--skip-editable", "--progress-spinner", "off", "--format", "json"]
    done = subprocess.run([*command, "--timeout", "15"], capture_output=True, text=True, check=False)
    if not done.stdout.strip():
        last = (done.stderr.strip().splitlines() or [""])[-1]
        unreached = any(word in done.stderr for word in UNREACHED)
        print(f"{UNKNOWN} The advisories can not be reached.\n{last}" if unreached else done.stderr)
        return 0 if unreached else 1
    return told(json.loads(done.stdout)["dependencies"])


def told(found: list[dict[str, object]]) -> int:
    """What pip-audit has found; packages that it skipped are not clean."""
    audited = [one for one in found if "vulns" in one]
    bad = [one for one in audited if one["vulns"]]
    for one in bad:
        print(one["name"], one["version"], json.dumps(one["vulns"]))
    print(f"{len(audited)} of {len(found)} packages audited, {len(bad)} with known vulnerabilities")
    if not audited:
        print(f"{UNKNOWN} The advisories that were reached know none of these packages.")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
