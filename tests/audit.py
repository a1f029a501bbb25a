"""Known vulnerabilities of what is installed, by pip-audit: 0 none, 1 some, and 0 with a clear word where the advisory
database can not be reached, because then nothing is known either way."""

from __future__ import annotations

import subprocess
import sys

UNREACHED = ("ConnectionError", "ServiceError", "Max retries", "Failed to resolve", "timed out", "HTTPError", "404")


def main() -> int:
    command = [sys.executable, "-m", "pip_audit", "--skip-editable", "--progress-spinner", "off", "--timeout", "15"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if "known vulnerabilit" not in said and any(word in said for word in UNREACHED):
        last = said.strip().splitlines()[-1] if said.strip() else ""
        print(f"NOT AUDITED: the advisory database can not be reached, so that nothing is known either way.\n{last}")
        return 0
    print(said.strip())
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
