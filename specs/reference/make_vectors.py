#!/usr/bin/env python3
"""Makes specs/vectors/*.json: make_vectors.py [--check] [TOPIC…].

--check writes nothing and fails when a file differs from what would be written, byte for byte.
"""

import argparse
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from topics import TOPICS

FOLDER = HERE.parent / "vectors"


def text(vectors):
    """One case to a line: readable in a diff, and the files stay small."""
    lines = []
    for name, value in vectors.items():
        one_a_line = isinstance(value, list)
        items = ",\n".join("  " + json.dumps(item, ensure_ascii=False) for item in value) if one_a_line else ""
        body = f"[\n{items}\n ]" if one_a_line else json.dumps(value, ensure_ascii=False)
        lines.append(f" {json.dumps(name)}: {body}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main():
    parser = argparse.ArgumentParser(description="Makes the test vectors.")
    parser.add_argument("--check", action="store_true", help="compare only")
    parser.add_argument("topics", nargs="*", help="default: all")
    options = parser.parse_args()
    unknown = set(options.topics) - TOPICS.keys()
    if unknown:
        parser.error(f"no such topic: {', '.join(sorted(unknown))}")
    wrong = []
    for topic in options.topics or TOPICS:
        made, path = text(TOPICS[topic]()).encode(), FOLDER / f"{topic}.json"
        if not options.check:
            path.write_bytes(made)
        elif not path.exists() or path.read_bytes() != made:
            wrong.append(path.name)
    if options.check and not options.topics:
        wrong += [p.name for p in sorted(FOLDER.glob("*")) if p.name not in {f"{t}.json" for t in TOPICS}]
    for name in wrong:
        print(f"specs/vectors/{name} is not what make_vectors.py makes", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
