"""Reads every case of every file of specs/vectors and judges it: nothing is left unread."""

import base64
import json
import subprocess
import sys
import unittest
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(HERE))

from veritally import ballots, ceremony, contests, decryption, ed25519, log, tally
from veritally.encoding import Malformed, Variable, labelled_hash, parse_entry, sha256, signed_bytes
from veritally.group import (
    DecodeError,
    G,
    Point,
    decode_scalar,
    encode_scalar,
    generator_g,
    generator_h,
)
from veritally.manifest import Manifest
from veritally.record import Record, Rejection
from veritally.transcript import Transcript

FOLDER = HERE.parent / "vectors"
unhex = bytes.fromhex


def point(text):
    return Point.decode(unhex(text))


def proof64(value):
    """A proof whose members are base64."""
    return {n: (decode_scalar if n == "z" else Point.decode)(base64.b64decode(v)) for n, v in value.items()}


def replay(entries):
    record = Record()
    for data in entries:
        record.apply(data.encode())
    return record


class Judge(unittest.TestCase):
    """One method for each kind of case: method names are kinds with underscores."""

    def refuses(self, errors, judge, *arguments):
        """It raises one of these errors, or gives False or None."""
        try:
            verdict = judge(*arguments)
        except errors:
            return
        self.assertIn(verdict, (False, None))

    # Section 1 and encoding.md.

    def generator(self, file, case):
        made = generator_h() if case["generator"] == "H" else generator_g(case["index"])
        self.assertEqual(made.encode().hex(), case["point"])

    def hash(self, file, case):
        items = []
        for item in case["items"]:
            ((kind, value),) = item.items()
            made = {"u64": int, "string": str, "bytes": lambda v: Variable(unhex(v)), "hash": unhex, "point": point}
            items.append(made[kind](value))
        self.assertEqual(labelled_hash(case["label"], *items).hex(), case["hash"])

    def transcript(self, file, case):
        t = Transcript(case["protocol"])
        for m in case["append"]:
            made = {"u64": int, "string": str, "bytes": unhex, "points": lambda v: [point(p) for p in v]}
            ((kind, value),) = [(k, v) for k, v in m.items() if k != "label"]
            t.append(m["label"], made[kind](value))
        self.assertEqual(encode_scalar(t.challenge("c")).hex(), case["challenge"])
        self.assertEqual(t.challenge_bytes("mask", len(case["mask"]) // 2).hex(), case["mask"])

    def point(self, file, case):
        self.assertEqual(point(case["bytes"]).is_identity(), case["identity"])

    def bad_point(self, file, case):
        self.refuses(DecodeError, Point.decode, unhex(case["bytes"]))

    def scalar(self, file, case):
        self.assertEqual(encode_scalar(decode_scalar(unhex(case["bytes"]))).hex(), case["bytes"])

    def bad_scalar(self, file, case):
        self.refuses(DecodeError, decode_scalar, unhex(case["bytes"]))

    def _entry_bytes(self, case):
        return unhex(case["hex"]) if "hex" in case else case["text"].encode()

    def entry(self, file, case):
        parse_entry(self._entry_bytes(case))

    def bad_entry(self, file, case):
        self.refuses(Malformed, parse_entry, self._entry_bytes(case))

    def _signed(self, case):
        entry = parse_entry(case["entry"].encode())
        message = signed_bytes(unhex(case["fingerprint"]), entry.value)
        return ed25519.verify(unhex(case["key"]), message, entry["signature"])

    def signed_entry(self, file, case):
        self.assertTrue(self._signed(case))

    def bad_signed_entry(self, file, case):
        self.assertFalse(self._signed(case))

    def ed25519(self, file, case):
        self.assertTrue(ed25519.verify(*(unhex(case[n]) for n in ("key", "message", "signature"))))

    def bad_ed25519(self, file, case):
        self.assertFalse(ed25519.verify(*(unhex(case[n]) for n in ("key", "message", "signature"))))

    # Section 4.1.

    def credential(self, file, case):
        code, secret = unhex(case["code"]), decode_scalar(unhex(case["secret"]))
        self.assertEqual(ballots.code_text(code), case["text"])
        self.assertEqual(ballots.parse_code(case["text"]), code)
        self.assertEqual(ballots.credential_secret(unhex(case["fingerprint"]), code), secret)
        self.assertEqual((secret * G).encode().hex(), case["public"])
        self.assertEqual(ballots.public_id(point(case["public"])), case["public_id"])

    def typed_code(self, file, case):
        self.assertEqual(ballots.parse_code(case["text"]).hex(), case["code"])

    def bad_code(self, file, case):
        self.refuses(ValueError, ballots.parse_code, case["text"])

    # Section 3.

    def _contest(self, case):
        selections = [f"s{i}" for i in range(1, case["selections"] + 1)]
        rule = contests.parse_rule(case["rule"])
        return contests.TYPES[rule["type"]](rule, selections)

    def relation(self, file, case):
        made = contests.Relation([self._contest(c) for c in case["contests"]])
        self.assertEqual(made.bits, case["bits"])
        for rows, expected in ((made.secret, case["secret"]), (made.public, case["public"])):
            self.assertEqual([[list(t) for t in row.terms] for row in rows], [row["terms"] for row in expected])
            self.assertEqual([row.value for row in rows], [row.get("value") for row in expected])
        self.assertEqual(made.digest().hex(), case["digest"])

    def answer(self, file, case):
        self.assertEqual(self._contest(case).encode(contests.parse_answer(case["answer"])), case["bits"])

    def bad_answer(self, file, case):
        contest = self._contest(case)
        with self.assertRaises((contests.InvalidAnswer, KeyError)):
            contest.encode(contests.parse_answer(case["answer"]))

    def bad_rule(self, file, case):
        self.refuses(Malformed, self._contest, case)

    def outcome(self, file, case):
        self.assertEqual(self._contest(case).winners(case["counts"]), (case["winners"], case["tied"]))

    # Section 4.

    def _context(self, file, style):
        return self.setup(file).contexts[style]

    def setup(self, file):
        if "record" not in file:
            file["record"] = replay(file["setup"])
        return file["record"]

    def _open(self, file, case):
        value = case["opening"]
        style = next(s for s in self.setup(file).manifest.ballot_styles if s["id"] == value["style"])
        context = self._context(file, value["style"])
        return ballots.check_opening(context, style["contests"], value)

    def opening(self, file, case):
        ballot = self._open(file, case)
        value, context = case["opening"], self._context(file, case["opening"]["style"])
        seed, fingerprint = unhex(value["seed"]), unhex(value["fingerprint"])
        r, s = ballots.ballot_nonces(
            seed, fingerprint, ballot.style, ballot.credential, ballot.counter, case["ballot_bits"]
        )
        self.assertEqual((encode_scalar(r).hex(), encode_scalar(s).hex()), (case["r"], case["s"]))
        self.assertEqual(ballot.pad, r * G)
        self.assertEqual(ballots.commit(case["ballot_bits"], s), ballot.bits)
        self.assertEqual(ballots.code_words(ballot.confirmation_code(context.fingerprint)), case["short_code"])

    def bad_opening(self, file, case):
        with self.assertRaises((ballots.BallotError, contests.InvalidAnswer, KeyError)):
            self._open(file, case)

    def ballot(self, file, case):
        entry = parse_entry(case["entry"].encode())
        ballot = ballots.Ballot.from_entry(entry)
        context = self._context(file, ballot.style)
        self.assertEqual(ballot.entry_bytes(), entry.data)
        y, x = ballots.challenges(context, ballot)
        self.assertEqual((encode_scalar(y).hex(), encode_scalar(x).hex()), (case["y"], case["x"]))
        self.assertEqual(ballot.confirmation_code(context.fingerprint).hex(), case["code"])
        ballots.verify(context, ballot)

    def bad_ballot(self, file, case):
        try:
            ballot = ballots.Ballot.from_entry(parse_entry(case["entry"].encode()))
            context = self._context(file, ballot.style)
        except (Malformed, KeyError):
            self.assertEqual(case["fails"], "form")
            return
        with self.assertRaises(ballots.BallotError) as caught:
            ballots.verify(context, ballot)
        self.assertEqual(caught.exception.check or "form", case["fails"])
        self.assertEqual(set(ballots.verify_batch([(context, ballot, case["entry"].encode())])), {0})

    # Manifests and ceremony.

    def manifest(self, file, case):
        self.assertEqual(Manifest(parse_entry(case["entry"].encode())).fingerprint.hex(), case["fingerprint"])

    def bad_manifest(self, file, case):
        with self.assertRaises(Rejection) as caught:
            Record().apply(case["entry"].encode())
        self.assertEqual(caught.exception.check, "V1")

    def _possession(self, case):
        public = Point.decode(base64.b64decode(case["encryption_key"]))
        proof = proof64(case["proof"])
        held = ceremony.possession_holds(base64.b64decode(case["identity_key"]), public, proof)
        return held and not public.is_identity()

    def possession(self, file, case):
        self.assertTrue(self._possession(case))

    def bad_possession(self, file, case):
        self.refuses(DecodeError, self._possession, case)

    def ceremony(self, file, case):
        record = replay(file["entries"])
        keys, fingerprint = record.keys, record.fingerprint
        self.assertEqual(record.ceremony.hex(), case["ceremony"])
        self.assertEqual([k.encode().hex() for k in keys.keys], case["keys"])
        self.assertEqual([[y.encode().hex() for y in row] for row in keys.shares.values()], case["public_shares"])
        secrets = [[decode_scalar(unhex(x)) for x in row] for row in case["secret_shares"]]
        self.assertEqual([[(x * G).encode().hex() for x in row] for row in secrets], case["public_shares"])
        for trustee, polynomials in enumerate(case["coefficients"], 1):
            polynomials = [[decode_scalar(unhex(a)) for a in row] for row in polynomials]
            commitments = ceremony.commitments_of(polynomials)
            h = ceremony.coefficients_hash(fingerprint, 1, trustee, len(keys.keys), record.manifest.quorum, commitments)
            self.assertEqual(h.hex(), case["commit_hashes"][trustee - 1])
        hashes = [unhex(h) for h in case["commit_hashes"]]
        self.assertEqual(ceremony.commits_hash(fingerprint, 1, hashes).hex(), case["commits"])
        pad = ceremony.rehearsal_pad(fingerprint, record.ceremony)
        self.assertEqual(pad.encode().hex(), case["rehearsal_pad"])

    def package(self, file, case):
        record = replay(file["entries"])
        dealer, recipient = case["dealer"], case["recipient"]
        packages = record.messages["trustee-shares"][dealer]["packages"]
        package = next(p for p in packages if p["recipient"] == recipient)
        secret = decode_scalar(unhex(file["decryption_secrets"][recipient - 1]))
        shares = ceremony.open_package(record.fingerprint, 1, dealer, recipient, secret, package)
        self.assertEqual([s.hex() for s in shares], case["shares"])
        commitments = record.messages["trustee-reveal"][dealer]["commitments"]
        expected = ceremony.public_shares(commitments, record.manifest.quorum, recipient)
        self.assertEqual([decode_scalar(s) * G for s in shares], expected)

    def bad_message(self, file, case):
        states = file.setdefault("states", {})
        if case["after"] not in states:
            states[case["after"]] = replay(file["entries"][: case["after"]])
        with self.assertRaises(Rejection) as caught:
            states[case["after"]].copy().apply(case["entry"].encode())
        self.assertIn(caught.exception.check, ("V10", "V11"))

    # Shares and tally.

    def _share_proof(self, case):
        t = decryption.decryption_transcript(
            unhex(case["fingerprint"]), unhex(case["ceremony"]), case["tree_size"], unhex(case["root"]),
            case["contest"], case["trustee"],
        )  # fmt: skip
        proof = {n: decode_scalar(unhex(v)) if n == "z" else point(v) for n, v in case["proof"].items()}
        shares = [[point(d) for d in row] for row in case["shares"]]
        public, pads = ([point(p) for p in case[name]] for name in ("public_shares", "pads"))
        return ceremony.shares_hold(t, public, pads, shares, proof)

    def share_proof(self, file, case):
        self.assertTrue(self._share_proof(case))

    def bad_share_proof(self, file, case):
        self.assertFalse(self._share_proof(case))

    def lagrange(self, file, case):
        made = [encode_scalar(x).hex() for x in decryption.lagrange(case["trustees"])]
        self.assertEqual(made, case["coefficients"])

    def combination(self, file, case):
        shares = {int(i): point(d) for i, d in case["shares"].items()}
        message = decryption.combine(point(case["data"]), shares)
        self.assertEqual(decryption.discrete_logarithm(message, case["bound"]), case["count"])
        self.assertIsNone(decryption.discrete_logarithm(message + case["bound"] * G + G, case["bound"]))

    def digest(self, file, case):
        items = [sum(s["ballots"] for s in case["sums"])]
        for s in case["sums"]:
            items += [s["ballots"], point(s["pad"]), len(s["data"]), *map(point, s["data"])]
        self.assertEqual(labelled_hash("tally", *items).hex(), case["digest"])

    def cells(self, file, case):
        manifest = Manifest(parse_entry(case["manifest"].encode()))
        parts = [(i, Counter(dict(map(tuple, weights)))) for i, weights in enumerate(case["groups"])]
        made = tally.cells(parts, manifest.floor, manifest.weights_may_identify)
        self.assertEqual(made and [cell.groups for cell in made], case["cells"])

    # Section 9.

    def leaf(self, file, case):
        self.assertEqual(log.leaf_hash(unhex(case["data"])).hex(), case["hash"])

    def root(self, file, case):
        tree = log.Tree(log.leaf_hash(unhex(leaf)) for leaf in case["leaves"])
        self.assertEqual(tree.root().hex(), case["root"])

    def _included(self, case):
        path = list(map(unhex, case["path"]))
        found = log.root_from_inclusion(case["index"], case["size"], unhex(case["leaf"]), path)
        return found is not None and found.hex() == case["root"]

    def inclusion(self, file, case):
        self.assertTrue(self._included(case))

    def bad_inclusion(self, file, case):
        self.assertFalse(self._included(case))

    def _consistent(self, case):
        roots = unhex(case["old_root"]), unhex(case["root"])
        return log.consistent(case["old_size"], case["size"], *roots, list(map(unhex, case["path"])))

    def consistency(self, file, case):
        self.assertTrue(self._consistent(case))

    def bad_consistency(self, file, case):
        self.assertFalse(self._consistent(case))

    def _checkpoint(self, case):
        checkpoint = log.parse_checkpoint(case["note"].encode())
        return checkpoint if log.signed_by_log(checkpoint, case["origin"], unhex(case["key"])) else None

    def checkpoint(self, file, case):
        checkpoint = self._checkpoint(case)
        self.assertEqual((checkpoint.size, checkpoint.root.hex()), (case["size"], case["root"]))

    def bad_checkpoint(self, file, case):
        self.refuses(log.LogError, self._checkpoint, case)

    def _cosignature(self, case):
        return log.cosignature(log.parse_checkpoint(case["note"].encode()), case["witness"], unhex(case["key"]))

    def cosignature(self, file, case):
        self.assertIsNotNone(self._cosignature(case))

    def bad_cosignature(self, file, case):
        self.assertIsNone(self._cosignature(case))

    def _receipt(self, case):
        leaf = log.leaf_hash(unhex(case["entry"]))
        return log.check_receipt(case["receipt"].encode(), leaf, case["origin"], unhex(case["key"]))

    def receipt(self, file, case):
        self._receipt(case)

    def bad_receipt(self, file, case):
        self.refuses(log.LogError, self._receipt, case)

    def tile_path(self, file, case):
        folder, index, width = f"tile/{case['folder']}", case["index"], case["width"]
        self.assertEqual(f"{folder}/{log.tile_path(index, width)}", case["name"])
        self.assertEqual(log.parse_tile_path(case["name"]), (folder, index, width))

    def bad_tile_path(self, file, case):
        self.assertIsNone(log.parse_tile_path(case["path"]))

    def bundle(self, file, case):
        entries = list(map(unhex, case["entries"]))
        self.assertEqual(log.write_bundle(entries).hex(), case["bytes"])
        self.assertEqual(log.read_bundle(unhex(case["bytes"])), entries)

    def bad_bundle(self, file, case):
        try:
            entries = log.read_bundle(unhex(case["bytes"]))
        except log.LogError:
            return
        self.assertNotEqual(len(entries), case["width"])

    # Section 2.

    def _state(self, file, count):
        if "states" not in file:
            file["states"] = [Record()]
            for data in file["entries"]:
                state = file["states"][-1].copy()
                state.apply(data.encode())
                file["states"].append(state)
        return file["states"][count].copy()

    def record(self, file, case):
        self._state(file, 0)
        states = file["states"][1:]
        end = states[-1]
        self.assertEqual([s.phase for s in states], case["phases"])
        self.assertEqual(end.fingerprint.hex(), case["fingerprint"])
        self.assertEqual(end.roll_hash.hex(), case["roll"])
        self.assertEqual((end.ballots_cast, end.tally.ballots), (case["ballots_cast"], case["ballots_counted"]))
        besides = (end.ballots_spoiled, end.credentials_reissued)
        self.assertEqual(besides, (case["ballots_spoiled"], case["credentials_reissued"]))
        self.assertEqual(end.tally.digest().hex(), case["tally"])
        head = {"root": end.closing_head["root"].hex(), "tree_size": end.closing_head["tree_size"]}
        self.assertEqual(head, case["closing_head"])
        self.assertEqual(end.tree.root().hex(), case["root"])
        self.assertEqual(end.counts, case["counts"])

    def _judged(self, state, entries, case):
        for data in entries[:-1]:
            state.apply(data.encode())
        with self.assertRaises(Rejection) as caught:
            state.apply(entries[-1].encode())
        self.assertEqual((caught.exception.check, caught.exception.code), (case["check"], case["code"]))

    def refused(self, file, case):
        if "sequence" in case:
            entries = [file["entries"][i] for i in case["sequence"]]
            self._judged(Record(), entries, case)
        else:
            self._judged(self._state(file, case["after"]), case["entries"], case)

    def admitted(self, file, case):
        if "sequence" in case:
            state = replay(file["entries"][i] for i in case["sequence"])
            self.assertEqual(1 in state.messages["trustee-reveal"], case["revealed"])
            return
        state = self._state(file, case["after"])
        for data in case["entries"]:
            state.apply(data.encode())
        self.assertEqual((state.phase, len(state.bad_shares)), (case["phase"], case["bad_shares"]))

    def dispute(self, file, case):
        state = self._state(file, case["after"])
        for data in case["entries"]:
            state.apply(data.encode())
        self.assertEqual([list(c[1:]) for c in state.complaints], case["complaints"])
        self.assertEqual((state.active, state.attempt), (case["trustees"], case["attempt"]))
        if "keys" in case:
            self.assertEqual([k.encode().hex() for k in state.keys.keys], case["keys"])


class Vectors(unittest.TestCase):
    def test_every_case_of_every_file(self):
        files = sorted(FOLDER.glob("*.json"))
        self.assertGreaterEqual(len(files), 17)
        judge = Judge()
        for path in files:
            file = json.loads(path.read_text())
            self.assertEqual(len({case["name"] + case["kind"] for case in file["cases"]}), len(file["cases"]), path.name)
            for case in file["cases"]:
                with self.subTest(file=path.name, kind=case["kind"], case=case["name"]):
                    getattr(judge, case["kind"].replace("-", "_"))(file, case)

    def test_the_files_are_what_make_vectors_makes(self):
        made = subprocess.run([sys.executable, HERE / "make_vectors.py", "--check"], capture_output=True, text=True)
        self.assertEqual((made.returncode, made.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
