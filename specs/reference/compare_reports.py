#!/usr/bin/env python3
"""Compares two verifiers' reports on one record: everything but the messages, which each words for itself.

    python3 specs/reference/compare_reports.py ONE.json OTHER.json

Exit status 0 when they agree, 1 when they differ.
"""

import json
import sys


def comparable(path):
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    for check in report["checks"]:
        del check["message"]
    return report


def main():
    one, other = (comparable(path) for path in sys.argv[1:3])
    differing = [key for key in sorted(one.keys() | other.keys()) if one.get(key) != other.get(key)]
    for key in differing:
        print(f"{key}:\n  {one.get(key)}\n  {other.get(key)}")
    if not differing:
        print(f"both verifiers say {one['verdict']}, with the same {len(one['checks'])} checks and the same counts")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
