"""Section 2: the phase of an election's record, and what may enter it: `Record.apply(entry bytes)` or `Rejection`.

Every rule of the specification that an entry can break stands in the method named after the entry's type.
"""

import copy

from . import ballots, ceremony, decryption, ed25519, tally
from .attempts import CEREMONY, Attempts
from .encoding import (
    CHUNK_BYTES,
    MAX_MESSAGE_BYTES,
    MESSAGES,
    BadElement,
    Malformed,
    TooLong,
    UnknownType,
    parse_entry,
    sha256,
    signed_bytes,
)
from .group import Point, decode_scalar
from .log import Tree, leaf_hash
from .manifest import Manifest
from .rejection import Rejection, require
from .voters import Voters

# The table of section 2.
PHASES = {
    "setup": {*CEREMONY, "trustee-complaint", "ceremony-restart", "roll-part", "roll", "reissue", "opening", "abandonment"},
    "open": {"ballot", "spoiled-ballot", "reissue", "tally-head", "extension", "closing", "abandonment"},
    "closed": {"agreement", "abandonment"},
    "agreed": {"agreement", "decryption-share", "abandonment"},
    "decrypted": {"agreement", "decryption-share", "result", "abandonment"},
    "published": set(),
    "abandoned": set(),
}

MAX_SHARE_ENTRIES = 3
MAX_PARTS = MAX_MESSAGE_BYTES // CHUNK_BYTES
MAX_PART_MESSAGES = 8  # how many times its longest message a trustee may log in parts, in one attempt
MAX_REASON_BYTES = 4_096


def _check_of_phase(kind, phase):
    """Decryption before the agreements, and a result before k valid shares, are failures of their own checks."""
    if phase == "closed" and kind in ("decryption-share", "decryption-share-part", "result"):
        return "V24"
    return "V26" if kind == "result" and phase == "agreed" else "V9"


def _check_of_elements(kind):
    """Under which check a point or scalar that does not decode falls, and a wrong part of a message."""
    if kind.startswith("decryption-share"):
        return "V26"
    if kind == "trustee-complaint":
        return "V32"
    if kind.startswith("trustee-"):
        return "V11"
    return {"ballot": "V16", "roll-part": "V13", "reissue": "V30", "spoiled-ballot": "V31"}.get(kind, "V8")


def _without_counts(contests):
    shape = [(c["contest"], c["withheld"], [cell["groups"] for cell in c["cells"]]) for c in contests]
    return shape, [[len(cell["counts"]) for cell in c["cells"]] for c in contests]


class Record(Attempts, Voters):
    """The state of a record after its first entries."""

    def __init__(self, keep_bad_proofs=False):
        """`keep_bad_proofs`: a ballot with which nothing is wrong but its proof stays in the sums (verification.md)."""
        self.phase, self.tree, self.manifest = None, Tree(), None
        self.keep_bad_proofs, self.bad_proofs = keep_bad_proofs, []
        self.ballot_proofs = {}  # verdicts found in a batch: SHA-256 of an entry to a `BallotError` or None
        # Ceremony: for each type of message, trustee → entry.
        self.messages = {kind: {} for kind in CEREMONY}
        self.parts, self.part_bytes, self.ephemerals = {}, {}, set()
        self.keys = self.ceremony = None
        self.attempt, self.active = 1, []  # who takes part
        self.complaints, self.restarts = [], []  # (index, attempt, complainer, dealer, who cheated); (index, entry)
        # Roll.
        self.roll_parts, self.voters, self.last_credential = [], {}, b""
        self.roll_weight, self.roll_hash = 0, None
        self.public_ids, self.credentials_reissued, self.ballots_spoiled = set(), 0, 0
        self.opened_ms = self.closes_at_ms = self.contexts = None
        # Ballots.
        self.pads, self.tally, self.ballots_cast, self.unsummed = set(), None, 0, False
        # After closing.
        self.closing_head, self.agreements = None, {}
        self.share_entries, self.shares, self.bad_shares, self.share_hashes = {}, {}, [], set()
        self.counts = self.result = None

    def apply(self, data, index=None):
        """Admits the entry with these bytes, or raises `Rejection` and changes nothing.

        `index`: the entry's place in the log, which differs from the number of admitted entries after a refusal.
        """
        self.index = self.tree.size if index is None else index
        entry = self._parse(data)
        if self.phase is None:
            self._manifest(entry)
        else:
            kind = entry.type if entry.type == "roll-part" else entry.type.removesuffix("-part")
            require(kind != "manifest", "V9", "second-manifest")
            if kind not in PHASES[self.phase]:
                raise Rejection(_check_of_phase(entry.type, self.phase), "wrong-phase", f"{entry.type} in phase {self.phase}")
            getattr(self, "_part" if kind != entry.type else "_" + entry.type.replace("-", "_"))(entry)
        self.tree.append(leaf_hash(data))
        if entry.type == "closing":
            self.closing_head = {"root": self.tree.root(), "tree_size": self.tree.size}
        return entry

    def copy(self):
        """Another state that goes on from here. The manifest and what follows from it are shared."""
        shared = {id(x): x for x in (self.manifest, self.contexts, self.keys)}
        return copy.deepcopy(self, shared)

    def _parse(self, data):
        try:
            return parse_entry(data)
        except UnknownType as error:
            raise Rejection("V29", "unknown-type", str(error)) from None
        except Malformed as error:
            fault = "too-large" if isinstance(error, TooLong) else "malformed"
            raise Rejection("V1" if self.phase is None else "V8", fault, str(error)) from None

    # --- Manifest and signatures ----------------------------------------------------------------------------------

    def _manifest(self, entry):
        require(entry.type == "manifest", "V1", "wrong-phase", "the first entry is not a manifest")
        try:
            self.manifest = Manifest(entry)
        except Malformed as error:
            raise Rejection("V1", "manifest", str(error)) from None
        self.fingerprint, self.phase = self.manifest.fingerprint, "setup"
        self.active = list(range(1, len(self.manifest.trustees) + 1))
        self.closes_at_ms = self.manifest.schedule["closes_at_ms"]
        styles = {style: len(relation.secret) for style, relation in self.manifest.relations.items()}
        self.tally = tally.EncryptedTally(self.manifest.group_ids, styles)

    def _signed_by(self, key, entry):
        signature = entry["signature"]
        require(signature is not None, "V10", "signature", "the entry is not signed")
        holds = ed25519.verify(key, signed_bytes(self.fingerprint, entry.value), signature)
        require(holds, "V10", "signature")
        self._decoded(entry)

    def _decoded(self, entry):
        try:
            entry.decoded()
        except BadElement as error:
            raise Rejection(_check_of_elements(entry.type), "undecodable", str(error)) from None

    def _administrator(self, entry):
        number = entry["administrator"]
        require(1 <= number <= len(self.manifest.administrators), "V10", "unknown-administrator")
        self._signed_by(self.manifest.administrators[number - 1]["key"], entry)

    def _trustee(self, entry):
        number = entry["trustee"]
        require(1 <= number <= len(self.manifest.trustees), "V10", "unknown-trustee")
        self._signed_by(self.manifest.trustees[number - 1]["identity_key"], entry)
        require(number in self.active, "V32", "excluded", f"trustee {number} was left out by a restart")
        return number

    # --- Messages in parts ----------------------------------------------------------------------------------------

    def _part(self, entry):
        trustee = self._trustee(entry)
        check = _check_of_elements(entry.type)
        part, parts, chunk = entry["part"], entry["parts"], entry["chunk"]
        logged = self.part_bytes.get(trustee, 0) + len(chunk)
        require(logged <= MAX_PART_MESSAGES * self.manifest.longest_message, check, "too-many-parts")
        require(2 <= parts <= MAX_PARTS and part < parts, check, "part-number")
        last = part + 1 == parts
        require(0 < len(chunk) <= CHUNK_BYTES if last else len(chunk) == CHUNK_BYTES, check, "part-size")
        # Part 0 begins anew, whatever was under way.
        underway = {"type": entry.type, "message": entry["message"], "parts": parts, "chunks": []}
        if part:
            before = self.parts.get(trustee, underway)
            same = all(before[name] == underway[name] for name in ("type", "message", "parts"))
            require(same and part == len(before["chunks"]), check, "part-order")
            underway = {**before, "chunks": before["chunks"] + [chunk]}
        else:
            underway["chunks"] = [chunk]
        if last:
            self._assembled(entry, trustee, check, b"".join(underway["chunks"]))
            del self.parts[trustee]
        else:
            self.parts[trustee] = underway
        self.part_bytes[trustee] = logged

    def _assembled(self, entry, trustee, check, whole):
        """The message takes effect with its last part."""
        require(sha256(whole) == entry["message"], check, "part-hash")
        try:
            message = parse_entry(whole, MESSAGES, limit=None)
        except Malformed as error:
            raise Rejection(check, "malformed", str(error)) from None
        require(message.type + "-part" == entry.type and message["trustee"] == trustee, check, "part-message")
        require(message.type in PHASES[self.phase], "V9", "wrong-phase", f"{message.type} in phase {self.phase}")
        getattr(self, "_" + message.type.replace("-", "_"))(message)

    # --- Section 6: roll and opening ------------------------------------------------------------------------------

    def _opening(self, entry):
        self._administrator(entry)
        require(self.ceremony_complete(), "V14", "ceremony-incomplete")
        require(self.roll_hash is not None, "V14", "roll-missing")
        require(entry["ceremony"] == self.ceremony and entry["roll"] == self.roll_hash, "V14", "opening-hashes")
        require(entry["time_ms"] >= self.manifest.schedule["opens_at_ms"], "V14", "too-early")
        require(entry["time_ms"] < self.closes_at_ms, "V14", "too-late")
        self.opened_ms = self.schedule_set_ms = entry["time_ms"]
        self.contexts = {
            style: self.manifest.context(style, self.ceremony, self.keys.keys) for style in self.manifest.relations
        }
        self.phase = "open"

    # --- Section 4: ballots and tally heads -----------------------------------------------------------------------

    def _ballot(self, entry):
        self._decoded(entry)
        ballot = ballots.Ballot.from_entry(entry)
        require(ballot.style in self.contexts, "V16", "unknown-style")
        try:
            ballots.check_shape(self.contexts[ballot.style], ballot)
        except ballots.BallotError as error:
            raise Rejection("V16", "ballot-shape", str(error)) from None
        voter = self.voters.get(ballot.credential.encode())
        require(voter is not None, "V17", "unknown-credential")
        require(not voter.replaced, "V17", "replaced-credential")
        require(ballot.style == voter.style, "V16", "ballot-style")
        require(ballot.counter == voter.counter + 1, "V18", "counter")
        require(ballot.previous == voter.last, "V18", "previous")
        require(voter.counter < self.manifest.casts_per_credential, "V19", "too-many-casts")
        require(ballot.pad.encode() not in self.pads, "V20", "repeated-pad")
        self._check_proof(entry, ballot)
        if voter.counted is not None:
            old = voter.counted
            self.tally.subtract(voter.group, old.style, old.pad, old.data, voter.weight)
        self.tally.add(voter.group, ballot.style, ballot.pad, ballot.data, voter.weight)
        voter.counter, voter.last, voter.counted = ballot.counter, entry.hash, ballot
        self.pads.add(ballot.pad.encode())
        self.ballots_cast, self.unsummed = self.ballots_cast + 1, True

    def _check_proof(self, entry, ballot):
        """V21, from the batch that held this entry or alone."""
        try:
            if entry.hash in self.ballot_proofs:
                if error := self.ballot_proofs[entry.hash]:
                    raise error
            else:
                ballots.verify(self.contexts[ballot.style], ballot)
        except ballots.BallotError as error:
            if not self.keep_bad_proofs:
                raise Rejection("V21", f"ballot-check-{error.check}", str(error)) from None
            self.bad_proofs.append((self.index, str(error)))

    def _tally_head(self, entry):
        require(self.unsummed, "V22", "tally-head-without-ballots")
        require(entry["tree_size"] == self.index, "V22", "tally-head-size")
        require(entry["ballots"] == self.tally.ballots, "V22", "tally-head-ballots")
        require(entry["digest"] == self.tally.digest(), "V22", "tally-head-digest")
        self.unsummed = False

    def _extension(self, entry):
        self._administrator(entry)
        require(entry["closes_at_ms"] > self.closes_at_ms, "V15", "not-later")
        self.closes_at_ms = entry["closes_at_ms"]
        self.schedule_set_ms = max(self.schedule_set_ms, entry["time_ms"])

    def _closing(self, entry):
        self._administrator(entry)
        require(not self.unsummed, "V23", "no-tally-head")
        require(entry["time_ms"] >= self.schedule_set_ms, "V23", "too-early")
        self.phase = "closed"

    def _abandonment(self, entry):
        self._administrator(entry)
        length = len(entry["reason"].encode())
        require(entry["reason"].strip() != "" and length <= MAX_REASON_BYTES, "V15", "no-reason")
        self.phase = "abandoned"

    # --- Section 8: agreement, decryption, result -----------------------------------------------------------------

    def _agreement(self, entry):
        trustee = self._trustee(entry)
        require(entry["head"] == self.closing_head, "V24", "other-head")
        require(trustee not in self.agreements, "V24", "second-agreement")
        self.agreements[trustee] = entry
        if self.phase == "closed" and len(self.agreements) == self.manifest.agreement_quorum:
            self.phase = "agreed"
            if not self.to_decrypt():
                # Nobody voted, or every contest is withheld: there is nothing to decrypt.
                self.counts, self.phase = self._counts({}), "decrypted"

    def cells(self, contest):
        """The contest's cells, or None when it is withheld."""
        m = self.manifest
        return tally.contest_cells(self.tally, m.group_ids, m.styles_with(contest), m.floor, m.weights_may_identify)

    def to_decrypt(self):
        """contest → [(cell, pad, data by row)] for the cells with ballots of the contests that are decrypted."""
        out = {}
        for contest in self.manifest.contest_ids:
            held = [c for c in self.cells(contest) or [] if c.ballots]
            if held:
                styles = self.manifest.styles_with(contest)
                out[contest] = [(c, *tally.cell_sum(self.tally, c, styles)) for c in held]
        return out

    def _decryption_share(self, entry):
        trustee = self._trustee(entry)
        require(entry["head"] == self.closing_head, "V26", "share-head")
        require(trustee not in self.shares, "V26", "already-sent")
        require(entry.hash not in self.share_hashes, "V26", "already-sent")
        require(self.share_entries.get(trustee, 0) < MAX_SHARE_ENTRIES, "V26", "too-many-shares")
        self.share_hashes.add(entry.hash)
        try:
            shares = self._verified_shares(trustee, entry)
        except ValueError as error:
            # Logged as evidence, not used.
            self.share_entries[trustee] = self.share_entries.get(trustee, 0) + 1
            self.bad_shares.append((self.index, trustee, str(error)))
            return
        valid = {**self.shares, trustee: shares}
        if self.phase == "agreed" and len(valid) == self.manifest.quorum:
            self.counts, self.phase = self._counts(valid), "decrypted"
        self.share_entries[trustee] = self.share_entries.get(trustee, 0) + 1
        self.shares = valid

    def _verified_shares(self, trustee, entry):
        """contest → cells → rows, or ValueError with what is wrong."""
        wanted, out = self.to_decrypt(), {}
        if [c["contest"] for c in entry["contests"]] != list(wanted):
            raise ValueError("not exactly the contests that are decrypted")
        for given in entry["contests"]:
            name, head = given["contest"], self.closing_head
            proof = {part: Point.decode(given["proof"][part]) for part in ("v_base", "v_pads")}
            proof["z"] = decode_scalar(given["proof"]["z"])
            shares = [[Point.decode(d) for d in row] for row in given["shares"]]
            t = decryption.decryption_transcript(
                self.fingerprint, self.ceremony, head["tree_size"], head["root"], name, trustee
            )
            public = [self.keys.shares[trustee][row] for row in self.manifest.rows[name]]
            if not ceremony.shares_hold(t, public, [pad for _, pad, _ in wanted[name]], shares, proof):
                raise ValueError(f"the proof of contest {name} does not hold")
            out[name] = shares
        return out

    def _counts(self, valid):
        """What the result must list: for each contest its cells with groups and counts."""
        decrypted, out = self.to_decrypt(), []
        for contest in self.manifest.contest_ids:
            held = self.cells(contest)
            listed, position = [], 0
            for cell in held or []:
                values = [0] * len(self.manifest.rows[contest])
                if cell.ballots:
                    _, _, data = decrypted[contest][position]
                    used = sorted(valid)[: self.manifest.quorum]
                    shares = [{i: valid[i][contest][position][row] for i in used} for row in range(len(data))]
                    values = [self._count(contest, cell, row, d, s) for row, (d, s) in enumerate(zip(data, shares))]
                    position += 1
                listed.append({"counts": values, "groups": cell.groups})
            out.append({"cells": listed, "contest": contest, "withheld": held is None})
        return out

    def _count(self, contest, cell, row, data, shares):
        bound = cell.total_weight * self.manifest.compiled[contest].secret_rows[row].largest
        count = decryption.discrete_logarithm(decryption.combine(data, shares), bound)
        require(count is not None, "V27", "count-out-of-range", f"no count of {contest}, row {row + 1}, fits")
        return count

    def _result(self, entry):
        self._administrator(entry)
        require(_without_counts(entry["contests"]) == _without_counts(self.counts), "V25", "cells")
        require(entry["contests"] == self.counts, "V27", "counts")
        self.result = entry
        self.phase = "published"
