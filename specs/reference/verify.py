#!/usr/bin/env python3
"""Verifies an exported record: verify.py FOLDER [--fingerprint HEX] [--json PATH].

Exit status 0: every check passes; 1: a check failed; 2: could not run.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from veritally.checks import Verification
from veritally.log import Folder, LogError


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Verifies an exported record of an election.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fingerprint", help="the known fingerprint: 64 hex characters")
    parser.add_argument("--json", type=Path, help="write the report there")
    options = parser.parse_args(arguments)
    try:
        known = bytes.fromhex(options.fingerprint) if options.fingerprint else None
        if known is not None and len(known) != 32:
            raise ValueError("a fingerprint has 64 hex characters")
        report = Verification(Folder(options.folder), known).run()
        if options.json:
            options.json.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    except (LogError, OSError, ValueError) as error:
        print(f"could not verify: {error}", file=sys.stderr)
        return 2
    for line in report["checks"]:
        print(f"{line['id']:4} {line['status']:15} {line['name']}: {line['message']}")
    for contest in report["contests"]:
        counts = ", ".join(f"{s['name']} {s['count']}" for s in contest["selections"] if "count" in s)
        blank = f", blank {contest['blank']}" if "blank" in contest else ""
        print(f"{contest['name']}: {counts}{blank}; {contest['method']}: {', '.join(contest['winners']) or 'nobody'}")
    print(f"{report['ballots_counted']} ballots counted of {report['ballots_cast']} cast: {report['verdict']}")
    return 0 if report["verdict"] == "pass" else 1


if __name__ == "__main__":
    sys.exit(main())
