"""verification.md: the numbered checks V1 … V32 of an exported record, and the report."""

import json
from dataclasses import dataclass, field

from . import log
from .ballots import Ballot, code_words, verify_batch
from .contests import path_strengths, schulze_order
from .encoding import Malformed, parse_entry, sha256
from .group import combination
from .decryption import lagrange
from .record import CEREMONY, PHASES, Record, Rejection

NAMES = (
    "Manifest", "Fingerprint", "Checkpoint", "Witnesses", "Entries and root hash", "Hash tiles",
    "Nothing beyond the checkpoint", "Canonical form", "Order of entries", "Signatures of officials", "Key ceremony",
    "Election keys", "Electoral roll", "Opening", "Extensions and abandonment", "Ballot form and style",
    "Voters on the roll", "Re-votes in order", "Number of casts", "No copied encryption", "Ballot proofs", "Running tally",
    "Closing", "Agreements", "Reporting cells", "Decryption shares", "Result", "Confirmation codes", "Nothing unexplained",
    "Re-issues", "Published spoiled ballots", "Complaints and restarts",
)  # fmt: skip
CHECKS = {f"V{number}": name for number, name in enumerate(NAMES, 1)}

MAX_CULPRITS = 1_000
MAX_ENTRIES = 2**28  # of a log that is looked at
MAX_EXPLAINED = 5
BATCH = 512  # ballots folded into one equation

# The entry that leads out of a phase, and the phases in order.
LEADS_OUT = {
    "setup": "opening", "open": "closing", "closed": "agreement", "agreed": "decryption-share", "decrypted": "result",
}  # fmt: skip
ORDER = list(LEADS_OUT) + ["published"]


@dataclass
class Finding:
    """What was found under one check."""

    failures: list = field(default_factory=list)  # (entry or None, sentence)
    hindered: str = ""
    notes: list = field(default_factory=list)
    conclusion: tuple = ("not_reached", "")


@dataclass
class Refused:
    """An entry that was left out of the replay."""

    index: int
    type: str | None  # None: could be anything
    credential: object = None
    trustee: object = None
    old: object = None
    new: object = None


class Verification:
    """One run over one record."""

    def __init__(self, source, fingerprint=None):
        self.source, self.known = source, fingerprint
        self.findings = {check: Finding() for check in CHECKS}
        self.obstacle = ""
        self.checkpoint, self.entries, self.complete = None, [], False
        self.record, self.started = Record(keep_bad_proofs=True), False
        self.refused, self.closing_head_differs = [], False
        self.codes, self.proofs, self.times = {}, 0, {}
        self.culprits = {}  # entries that checks at the end name

    # --- Findings ---------------------------------------------------------------------------------------------------

    def fail(self, check, index, sentence, obstructs=False):
        """A failure; `obstructs`: because of it other checks may not be reached."""
        self.findings[check].failures.append((index, sentence))
        if obstructs and not self.obstacle:
            where = "" if index is None else f", entry {index}"
            self.obstacle = f"Could not be checked, because of {check} ({CHECKS[check]}){where}."

    def hinder(self, check):
        self.findings[check].hindered = self.findings[check].hindered or self.obstacle

    def conclude(self, check, reached, holds="Holds.", not_yet=""):
        if reached:
            self.findings[check].conclusion = ("pass", holds)
        elif self.obstacle:
            self.findings[check].conclusion = ("not_reached", self.obstacle)
        else:
            self.findings[check].conclusion = ("not_applicable", not_yet or "The election has not come so far.")

    # --- The run ----------------------------------------------------------------------------------------------------

    def run(self):
        self._read_checkpoint()
        if self.checkpoint is not None:
            self._read_entries()
        self._replay()
        self._check_log()
        self._conclude()
        return self.report()

    def _read_checkpoint(self):
        # Bytes that are no UTF-8 spoil a signature, not the reading of the rest.
        data = self.source.read("checkpoint").decode(errors="replace").encode()
        try:
            self.checkpoint = log.parse_checkpoint(data)
        except log.LogError as error:
            self.fail("V3", None, str(error), obstructs=True)

    def _read_entries(self):
        size = self.checkpoint.size
        for index in range(-(-min(size, MAX_ENTRIES) // log.TILE)):
            try:
                self.entries += self.source.entries(index, min(log.TILE, size - index * log.TILE))
            except log.LogError as error:
                self.fail("V5", len(self.entries), str(error), obstructs=True)
                return
        self.complete = size <= MAX_ENTRIES
        if not self.complete:
            self.fail("V5", None, f"the checkpoint speaks of {size} entries: more than any election has", obstructs=True)

    def _replay(self):
        for index, data in enumerate(self.entries):
            if index and not self.started:
                return
            if self.record.phase == "open" and "opened" not in self.times:
                self.times["opened"] = index
                self._verify_proofs(self.entries[index:])
            try:
                entry = self.record.apply(data, index)
            except Rejection as rejection:
                self._refuse(index, data, rejection)
            else:
                self._admitted(index, entry)

    def _verify_proofs(self, rest):
        """All ballots that are still to come, in batches."""
        batch = []
        for data in rest:
            try:
                entry = parse_entry(data)
                if entry.type == "ballot" and entry["style"] in self.record.contexts:
                    batch.append((self.record.contexts[entry["style"]], Ballot.from_entry(entry), data))
            except Malformed:
                continue
        self.proofs = len(batch)
        for start in range(0, len(batch), BATCH):
            part = batch[start : start + BATCH]
            bad = verify_batch(part)
            for i, (_, _, data) in enumerate(part):
                self.record.ballot_proofs[sha256(data)] = bad.get(i)

    def _admitted(self, index, entry):
        self.started = True
        if self.record.counts is not None:
            self.culprits.setdefault("counted", index)
        if entry.type in ("trustee-reveal", "trustee-reveal-part", "result"):
            self.culprits[entry.type.removesuffix("-part")] = index
        match entry.type:
            case "ballot":
                code = Ballot.from_entry(entry).confirmation_code(self.record.fingerprint)
                self._unique_code(code, index)
                if self.record.bad_proofs and self.record.bad_proofs[-1][0] == index:
                    self.fail("V21", index, f"ballot {code_words(code)}: {self.record.bad_proofs[-1][1]}")
            case "spoiled-ballot":
                self._unique_code(entry["code"], index)
            case "closing":
                self.times["closed"] = entry["time_ms"]
                self.closing_head_differs = bool(self.refused)
            case "decryption-share" | "decryption-share-part":
                if self.record.bad_shares and self.record.bad_shares[-1][0] == index:
                    _, trustee, problem = self.record.bad_shares[-1]
                    note = f"Entry {index}: trustee {trustee} posted wrong shares, which are not used ({problem})."
                    self.findings["V26"].notes.append(note)

    def _unique_code(self, code, index):
        first = self.codes.setdefault(code_words(code), index)
        if first != index:
            self.fail("V28", index, f"its confirmation code is that of entry {first}")

    def _refuse(self, index, data, rejection):
        subject = _subject(index, data)
        if rejection.fault == "unknown-type":
            subject.type = "other"
        if self._follows(rejection, subject):
            self.hinder(rejection.check)
            if subject.type not in ("ballot", "tally-head"):
                # Phases come first, so the signature was not looked at.
                self.hinder("V10")
        else:
            self.fail(rejection.check, index, str(rejection), obstructs=True)
        proof = self.record.ballot_proofs.get(sha256(data))
        if proof and proof.check:
            self.fail("V21", index, str(proof))
        self.refused.append(subject)

    def _follows(self, rejection, subject):
        """Whether a refusal follows from an earlier one: the list in verification.md."""
        types = {r.type for r in self.refused}
        if None in types and rejection.fault in CONSEQUENCES:
            return True
        match rejection.fault:
            case "wrong-phase":
                return self._needs_refused(subject.type, types)
            case "ceremony-order" | "commits" | "ceremony-hash":
                return bool(types & {*CEREMONY_TYPES, "ceremony-restart"})
            case "attempt":
                return "ceremony-restart" in types
            case "restart":
                return bool(types & {*CEREMONY_TYPES, "trustee-complaint", "ceremony-restart"})
            case "part-order" | "part-hash":
                return any(r.trustee == subject.trustee and (r.type or "").endswith("-part") for r in self.refused)
            case "roll-part-order" | "roll-hash" | "roll-count" | "roll-weight" | "roll-order":
                return "roll-part" in types
            case "ceremony-incomplete":
                return bool(types & {*CEREMONY_TYPES, "ceremony-restart"})
            case "roll-missing":
                return bool(types & {"roll", "roll-part"})
            case "unknown-credential":
                wanted = subject.old or subject.credential
                return any(r.new == wanted for r in self.refused if r.type == "reissue")
            case "counter" | "previous" | "turn":
                return any(r.type == "ballot" and r.credential == subject.credential for r in self.refused)
            case "tally-head-size" | "tally-head-ballots" | "tally-head-digest" | "tally-head-without-ballots":
                return "ballot" in types
            case "no-tally-head":
                return "tally-head" in types
            case "other-head" | "share-head":
                return self.closing_head_differs
        return False

    def _needs_refused(self, kind, types):
        """Whether a phase that this kind needs was to be entered by an entry that was refused."""
        if kind is None or self.record.phase not in LEADS_OUT:
            return False
        at = ORDER.index(self.record.phase)
        base = kind if kind == "roll-part" else kind.removesuffix("-part")
        needed = [i for i, phase in enumerate(ORDER) if base in PHASES[phase] and i > at]
        if not needed:
            return False
        leading = {LEADS_OUT[phase] for phase in ORDER[at : needed[0]]}
        return None in types or bool(leading & {t.removesuffix("-part") for t in types if t})

    # --- The log's files ----------------------------------------------------------------------------------------------

    def _check_log(self):
        c, m = self.checkpoint, self._manifest_as_found()
        if c is None:
            return
        if c.size == 0:
            self.fail("V1", None, "the log has no entries", obstructs=True)
        for check in ("V3", "V4"):
            self.conclude(check, m is not None)
        if m is not None:
            if not log.signed_by_log(c, m["log"]["origin"], m["log"]["key"]):
                self.fail("V3", None, "the checkpoint is not signed by the log that the manifest names")
            self._check_witnesses(c, m)
        tree = log.Tree(map(log.leaf_hash, self.entries))
        if self.complete:
            if tree.root() != c.root:
                self.fail("V5", None, "the entries do not have the root hash that the checkpoint gives")
            for level, index, name, problem in self.source.wrong_tiles(tree):
                self.fail("V6", index * log.TILE ** (level + 1), f"{name} {problem}")
        for index, sentence in self.source.beyond(c.size, tree, self.entries):
            if sentence is None:
                self.hinder("V7")
            else:
                self.fail("V7", index, sentence)
        for check, reached in (("V5", True), ("V6", self.complete), ("V7", True)):
            self.conclude(check, reached)

    def _manifest_as_found(self):
        """The members of entry 0, even if they break rules; None when it is no manifest."""
        try:
            entry = parse_entry(self.entries[0])
        except (IndexError, Malformed):
            return None
        return entry.fields if entry.type == "manifest" else None

    def _check_witnesses(self, c, m):
        if not m["witnesses"]:
            self.findings["V4"].conclusion = ("not_applicable", "The election names no witnesses.")
            return
        quorum = m["witness_quorum"]
        found = [w["name"] for w in m["witnesses"] if log.cosignature(c, w["name"], w["key"]) is not None]
        if len(found) < quorum:
            self.fail("V4", None, f"{len(found)} witnesses cosigned, {quorum} are needed")
        self.conclude("V4", True, f"Cosigned by {', '.join(found) or 'nobody'}; {quorum} needed.")

    # --- Conclusions --------------------------------------------------------------------------------------------------

    def _conclude(self):
        r, m = self.record, self.record.manifest
        self.conclude("V1", m is not None)
        self._check_fingerprint()
        replayed = self.complete and m is not None
        self.conclude("V8", self.complete)
        for check in ("V9", "V10", "V29"):
            self.conclude(check, replayed)
        ceremony = r.ceremony_complete()
        if ceremony:
            self._check_keys()
        for check in ("V11", "V12"):
            self.conclude(check, ceremony, not_yet="The key ceremony is not complete.")
        self._conclude_disputes()
        rolled = r.roll_hash is not None
        self.conclude("V13", rolled, not_yet="The roll is not complete.")
        reissued = f"{r.credentials_reissued} credentials were re-issued."
        self.conclude("V30", rolled and self.complete, reissued, not_yet="The roll is not complete.")
        opened = r.opened_ms is not None
        self.conclude("V14", opened, not_yet="Voting has not begun.")
        self.conclude("V15", opened or r.phase == "abandoned", not_yet="Voting has not begun.")
        for check in ("V16", "V17", "V18", "V19", "V20", "V21", "V22", "V28", "V31"):
            self.conclude(check, opened and self.complete, not_yet="Voting has not begun.")
        closed = r.closing_head is not None
        early = closed and self.times["closed"] < r.closes_at_ms
        self.conclude("V23", closed, "Voting ended before the announced time." if early else "Holds.")
        agreed = closed and len(r.agreements) >= m.agreement_quorum
        q_n = m and max(0, 2 * m.agreement_quorum - len(m.trustees))
        self.conclude("V24", agreed, f"Two lists would need the help of {q_n} trustees.")
        self.conclude("V25", closed)
        if r.counts is not None:
            self._check_possible()
        self.conclude("V26", r.counts is not None)
        self.conclude("V27", r.result is not None, not_yet="No result is published.")

    def _conclude_disputes(self):
        """Who was named, and who was left out: no failure of the record."""
        r = self.record
        said = [
            (index, f"Entry {index}, attempt {attempt}: trustee {trustee} complained of trustee {dealer}; trustee {culprit} cheated.")
            for index, attempt, trustee, dealer, culprit in r.complaints
        ]
        for index, entry in r.restarts:
            out = ", ".join(f"trustee {e['trustee']} ({e['reason']})" for e in entry["excluded"])
            said.append((index, f"Entry {index}: attempt {entry['attempt']} began, without {out or 'leaving anybody out'}."))
        sentences = " ".join(sentence for _, sentence in sorted(said))
        nothing = "Nobody complained, and the ceremony was not restarted."
        self.conclude("V32", r.manifest is not None and bool(said), sentences, not_yet=nothing)

    def _check_fingerprint(self):
        found = sha256(self.entries[0]) if self.entries else None
        if self.known is None or found is None:
            if found is None:
                self.conclude("V2", False)
            else:
                message = f"Not compared with a known fingerprint. It is {found.hex()}."
                self.findings["V2"].conclusion = ("not_applicable", message)
            return
        if found != self.known:
            self.fail("V2", 0, f"the fingerprint is {found.hex()}, not {self.known.hex()}")
        self.conclude("V2", True)

    def _check_keys(self):
        """The public shares of the first k and of the last k trustees interpolate to each key."""
        r, k = self.record, self.record.manifest.quorum
        for chosen in (r.active[:k], r.active[-k:]):
            weights = lagrange(chosen)
            for row, key in enumerate(r.keys.keys):
                if combination(weights, [r.keys.shares[i][row] for i in chosen]) != key:
                    self.fail("V12", self.culprits.get("trustee-reveal"), f"the trustees {chosen} do not hold key {row + 1}")

    def _check_possible(self):
        r = self.record
        for contest in r.counts:
            compiled = r.manifest.compiled[contest["contest"]]
            for cell, listed in zip(r.cells(contest["contest"]) or [], contest["cells"]):
                if not compiled.possible(listed["counts"], cell.total_weight):
                    culprit = self.culprits.get("result", self.culprits.get("counted"))
                    self.fail("V27", culprit, f"no permitted ballots add up to the counts of {contest['contest']}")

    # --- The report -----------------------------------------------------------------------------------------------------

    def report(self):
        r = self.record
        contests, groups = self._results()
        return {
            "format": "veritally-report/v1",
            "verdict": "fail" if any(f.failures for f in self.findings.values()) else "pass",
            "name": r.manifest.name[r.manifest.languages[0]] if r.manifest else "",
            "fingerprint": sha256(self.entries[0]).hex() if self.entries else "",
            "tree_size": self.checkpoint.size if self.checkpoint else 0,
            "credentials": len(r.voters) - r.credentials_reissued,
            "ballots_cast": r.ballots_cast,
            "ballots_counted": r.tally.ballots if r.tally else 0,
            "ballots_spoiled": r.ballots_spoiled,
            "credentials_reissued": r.credentials_reissued,
            "contests": contests,
            "groups": groups,
            "checks": [self._line(check) for check in CHECKS],
        }

    def _line(self, check):
        f = self.findings[check]
        status, message = f.conclusion
        if f.failures:
            told = [s if i is None else f"Entry {i}: {s}" for i, s in f.failures[:MAX_EXPLAINED]]
            more = len(f.failures) - len(told)
            status, message = "fail", ". ".join(told) + "." + (f" And {more} more." if more else "")
        elif f.hindered:
            status, message = "not_reached", f.hindered
        entries = [i for i, _ in f.failures if i is not None][:MAX_CULPRITS]
        message = " ".join([message, *f.notes])
        return {"id": check, "name": CHECKS[check], "status": status, "entries": entries, "message": message}

    def _results(self):
        """Counts as computed from the shares, by contest and by cell."""
        r, m = self.record, self.record.manifest
        contests, groups, language = [], [], m.languages[0] if m else ""
        for contest, listed in zip(m.contests if m else [], r.counts or []):
            compiled = m.compiled[contest["id"]]
            totals = [sum(c["counts"][row] for c in listed["cells"]) for row in range(len(compiled.secret_rows))]
            withheld = listed["withheld"]
            winners, tied = ([], []) if withheld else compiled.winners(totals)
            ids = [s["id"] for s in contest["selections"]]
            method = WITHHELD if withheld else compiled.method(totals)
            if tied:
                method += f"; tied for the last seats: {', '.join(ids[i] for i in tied)}"
            contests.append(
                {
                    "id": contest["id"],
                    "name": contest["name"][language],
                    "type": contest["rule"]["type"],
                    **_selections(contest, language, compiled, None if withheld else totals),
                    **({} if withheld else _pairs(compiled, totals, ids)),
                    "winners": [ids[i] for i in winners],
                    "method": method,
                }
            )
            for cell, counts in zip(r.cells(contest["id"]) or [], listed["cells"]):
                groups.append(
                    {
                        "contest": contest["id"],
                        "groups": cell.groups,
                        "ballots": cell.ballots,
                        "weight": cell.total_weight,
                        **_selections(contest, language, compiled, counts["counts"]),
                        **_pairwise(compiled, counts["counts"]),
                    }
                )
        return contests, groups


def _selections(contest, language, compiled, counts):
    votes, blank = compiled.split_counts(counts) if counts is not None else (None, None)
    listed = [{"id": s["id"], "name": s["name"][language]} for s in contest["selections"]]
    for i, selection in enumerate(listed if votes else []):
        selection["count"] = votes[i]
    extra = {} if blank is None else {"blank": blank}
    if counts is not None and getattr(compiled, "undervotes", False):
        extra["undervotes"] = counts[-1]
    return {"selections": listed, **extra}


WITHHELD = "withheld: too few voted to publish counts without showing single votes"


def _pairwise(compiled, counts):
    matrix = compiled.pairwise(counts)
    return {} if matrix is None else {"pairwise": matrix}


def _pairs(compiled, counts, ids):
    matrix = compiled.pairwise(counts)
    if matrix is None:
        return {}
    ranking = [[ids[i] for i in layer] for layer in schulze_order(matrix)]
    return {"pairwise": matrix, "path_strengths": path_strengths(matrix), "ranking": ranking}


CEREMONY_TYPES = {*CEREMONY, *(f"{kind}-part" for kind in CEREMONY)}

# Refusals that may follow from an entry that can't be read.
CONSEQUENCES = {
    "attempt", "restart", "ceremony-order", "commits", "ceremony-hash", "part-order", "part-hash",
    "roll-part-order", "roll-order", "roll-hash", "roll-count", "roll-weight", "ceremony-incomplete", "roll-missing",
    "unknown-credential", "counter", "previous", "turn", "tally-head-size",
    "tally-head-ballots", "tally-head-digest", "tally-head-without-ballots", "no-tally-head",
}  # fmt: skip


def _subject(index, data):
    """What a refused entry is about, as far as it can be read."""
    try:
        value = json.loads(data)
        kind = value["type"].removesuffix("/v1")
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return Refused(index, None)
    members = ("credential", "trustee", "old", "new")
    return Refused(index, kind, *(value.get(name) for name in members))
