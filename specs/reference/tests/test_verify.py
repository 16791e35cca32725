"""The verifier on whole records: honest ones pass, and each cheat of the vectors fails the check that the vector names.

With VERITALLY_VERIFIER set to the path of `veritally-verifier`, its report on each of these records must be the same.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(HERE))

import compare_reports
import verify
from veritally import log, sample
from veritally.checks import CHECKS, Verification

VECTORS = HERE.parent / "vectors"
OTHER = os.environ.get("VERITALLY_VERIFIER")


def without_messages(report):
    return {**report, "checks": [{k: v for k, v in check.items() if k != "message"} for check in report["checks"]]}


class Records(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.seeds = sample.Election().seeds

    def record(self, entries, name="record"):
        """Exports these entries with the sample's keys."""
        tree, origin = log.Tree(map(log.leaf_hash, entries)), "board.example/sample"
        body = log.checkpoint_body(origin, tree.size, tree.root())
        note = log.sign_note(body, origin, self.seeds["log"])
        note += log.cosignature_line(body, "witness.example/w1", self.seeds["witness"], 1_800_000_000)
        log.write_record(self.folder / name, entries, note)
        return self.folder / name

    def report(self, path):
        report = Verification(log.Folder(path)).run()
        if OTHER:
            other = path.parent / f"{path.name}.json"
            subprocess.run([OTHER, path, "--json", other, "--quiet"], capture_output=True)
            self.assertEqual(without_messages(report), compare_reports.comparable(other))
        return report

    def statuses(self, report, status):
        return [check["id"] for check in report["checks"] if check["status"] == status]

    def test_an_honest_election_passes_every_check(self):
        vectors = json.loads((VECTORS / "record.json").read_text())
        entries = [e.encode() for e in vectors["entries"]]
        report = self.report(self.record(entries))
        self.assertEqual(report["verdict"], "pass")
        self.assertEqual(self.statuses(report, "not_applicable"), ["V2", "V32"])
        self.assertEqual(len(self.statuses(report, "pass")), len(CHECKS) - 2)

    def test_every_beginning_of_an_honest_log_passes(self):
        vectors = json.loads((VECTORS / "record.json").read_text())
        entries = [e.encode() for e in vectors["entries"]]
        for size in (1, 5, 16, 18, 20, 25, 29, 31, 33):
            with self.subTest(size=size):
                report = self.report(self.record(entries[:size], str(size)))
                self.assertEqual(self.statuses(report, "fail") + self.statuses(report, "not_reached"), [])

    def test_every_refused_entry_of_the_vectors_fails_its_check_and_no_other(self):
        vectors = json.loads((VECTORS / "record.json").read_text())
        entries = [e.encode() for e in vectors["entries"]]
        for number, case in enumerate(c for c in vectors["cases"] if c["kind"] == "refused"):
            tail = [e.encode() for e in case["entries"]]
            if len(tail[-1]) > 65_535:
                continue  # No bundle can hold it.
            with self.subTest(case=case["name"]):
                log_of_case = entries[: case["after"]] + tail
                report = self.report(self.record(log_of_case, str(number)))
                self.assertEqual(self.statuses(report, "fail"), [case["check"]])
                culprits = next(c for c in report["checks"] if c["id"] == case["check"])["entries"]
                self.assertEqual(culprits, [len(log_of_case) - 1])

    def test_the_command(self):
        vectors = json.loads((VECTORS / "record.json").read_text())
        path = self.record([e.encode() for e in vectors["entries"]])
        out, silent = self.folder / "out.json", {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        run = lambda *arguments: subprocess.run([sys.executable, verify.__file__, *arguments], **silent).returncode  # noqa: E731
        fingerprint = vectors["cases"][0]["fingerprint"]
        self.assertEqual(run(path, "--fingerprint", fingerprint, "--json", out), 0)
        self.assertEqual(json.loads(out.read_text())["checks"][1]["status"], "pass")
        self.assertEqual(run(path, "--fingerprint", "00" * 32), 1)
        self.assertEqual(run(path, "--fingerprint", "00"), 2)
        self.assertEqual(run(self.folder / "nowhere"), 2)

    def test_the_checks_are_those_of_the_specification(self):
        text = (HERE.parent / "verification.md").read_text()
        self.assertEqual(dict(re.findall(r"^### (V\d+) (.+)$", text, re.MULTILINE)), CHECKS)


if __name__ == "__main__":
    unittest.main()
