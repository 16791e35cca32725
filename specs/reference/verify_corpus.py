#!/usr/bin/env python3
"""Verifies the tampered corpus: verify_corpus.py FOLDER [--processes N]; FOLDER as `tampered` of benches/ wrote it.

Each record must fail exactly the checks that cases.json names, with exactly the culprits that it names. Exit status 0 when all do, 1 otherwise.
"""

import argparse
import json
import multiprocessing
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from veritally.checks import Verification
from veritally.log import Folder


def verify(job):
    folder, case = job
    fingerprint = bytes.fromhex(case["fingerprint"]) if case["fingerprint"] else None
    report = Verification(Folder(folder / case["name"]), fingerprint).run()
    failed = [check for check in report["checks"] if check["status"] == "fail"]
    culprits = {entry for check in failed for entry in check["entries"]}
    if [check["id"] for check in failed] == case["fails"] and culprits == set(case["entries"]):
        return None
    found = "; ".join(f"{check['id']} {check['entries']} {check['message']}" for check in failed) or "nothing"
    return f"{case['name']}: must fail {case['fails'] or 'nothing'} {case['entries']}, fails {found}"


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Verifies the tampered corpus.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args(arguments)
    cases = json.loads((options.folder / "cases.json").read_text())
    with multiprocessing.Pool(options.processes) as pool:
        wrong = [line for line in pool.imap(verify, [(options.folder, case) for case in cases]) if line]
    for line in wrong:
        print(line)
    print(f"{len(cases) - len(wrong)} of {len(cases)} records fail exactly what they must")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
