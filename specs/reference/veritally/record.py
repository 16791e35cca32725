"""Section 2: the phase of an election's record, and what may enter it: `Record.apply(entry bytes)` or `Rejection`.

Every rule of the specification that an entry can break stands in the method named after the entry's type.
"""

import copy
from dataclasses import dataclass

from . import ballots, ceremony, decryption, ed25519, tally
from .encoding import (
    CHUNK_BYTES,
    MAX_MESSAGE_BYTES,
    MESSAGES,
    BadElement,
    Malformed,
    TooLong,
    UnknownType,
    labelled_hash,
    parse_entry,
    sha256,
    signed_bytes,
)
from .group import Point, decode_scalar
from .log import Tree, leaf_hash
from .manifest import Manifest

CEREMONY = ("trustee-commit", "trustee-reveal", "trustee-shares", "trustee-confirm", "trustee-rehearsal")

# The table of section 2.
PHASES = {
    "setup": {*CEREMONY, "trustee-complaint", "ceremony-restart", "roll-part", "roll", "opening", "abandonment"},
    "open": {"ballot", "tally-head", "extension", "closing", "abandonment"},
    "closed": {"agreement", "abandonment"},
    "agreed": {"agreement", "decryption-share", "abandonment"},
    "decrypted": {"agreement", "decryption-share", "result", "abandonment"},
    "published": set(),
    "abandoned": set(),
}

# The message is judged with its last part.
PART_PHASES = ("setup", "agreed", "decrypted")

MAX_SHARE_ENTRIES = 3
MAX_ATTEMPTS = 100
MAX_PARTS = MAX_MESSAGE_BYTES // CHUNK_BYTES
MAX_PART_BYTES = 4 * MAX_MESSAGE_BYTES  # of one trustee, all its parts together
MAX_REASON_BYTES = 4_096


class Rejection(ValueError):
    """An entry that may not enter the record.

    `check` is the number of verification.md, `fault` our name of what is wrong, `code` the stable code of section 2.
    """

    def __init__(self, check, fault, message=""):
        super().__init__(message or fault.replace("-", " "))
        self.check, self.fault = check, fault

    @property
    def code(self):
        return CODES.get(self.fault) or CODES_OF_CHECKS[self.check]


# The codes of section 2: by fault, else by check.
CODES = {
    "too-large": "too-large", "second-manifest": "second-manifest", "wrong-phase": "phase", "signature": "signature",
    "unknown-administrator": "unknown-administrator", "unknown-trustee": "unknown-trustee",
    "excluded": "excluded-trustee", "restart": "restart", "ballot-style": "ballot-style",
    "counter": "ballot-counter", "previous": "ballot-previous", "no-reason": "reason", "other-head": "agreement-head",
    "second-agreement": "second-agreement", "share-head": "share-head", "part-number": "part", "part-size": "part",
    "part-order": "part", "part-hash": "part", "part-message": "part", "too-many-parts": "part",
    "count-out-of-range": "result",
}  # fmt: skip
CODES_OF_CHECKS = {
    "V1": "manifest", "V8": "not-canonical", "V29": "not-canonical", "V11": "ceremony", "V12": "ceremony", "V13": "roll",
    "V14": "opening", "V15": "extension", "V16": "ballot-form", "V17": "unknown-credential", "V19": "cast-limit",
    "V20": "repeated-pad", "V21": "ballot-proof", "V22": "tally-head", "V23": "closing", "V26": "share", "V25": "result",
    "V27": "result", "V32": "ceremony",
}  # fmt: skip


def _require(holds, check, fault, message=""):
    if not holds:
        raise Rejection(check, fault, message)


def _check_of_phase(kind, phase):
    """Decryption before the agreements, and a result before k valid shares, are failures of their own checks."""
    if phase == "closed" and (kind in ("decryption-share", "result") or kind.endswith("-part") and kind != "roll-part"):
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
    return {"ballot": "V16", "roll-part": "V13"}.get(kind, "V8")


def _without_counts(contests):
    shape = [(c["contest"], c["withheld"], [cell["groups"] for cell in c["cells"]]) for c in contests]
    return shape, [[len(cell["counts"]) for cell in c["cells"]] for c in contests]


@dataclass
class Voter:
    """A line of the roll, and the credential's last ballot."""

    style: str
    group: str
    weight: int
    counter: int = 0
    last: bytes = bytes(32)  # SHA-256 of the last ballot's entry
    counted: object = None  # the last ballot


class Record:
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
        self.opened_ms = self.closes_at_ms = self.contexts = None
        # Ballots.
        self.pads, self.tally, self.ballots_cast, self.unsummed = set(), None, 0, False
        # After closing.
        self.closing_head, self.agreements = None, {}
        self.share_entries, self.shares, self.bad_shares = {}, {}, []
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
            _require(kind != "manifest", "V9", "second-manifest")
            admitted = self.phase in PART_PHASES if kind != entry.type else kind in PHASES[self.phase]
            if not admitted:
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
        _require(entry.type == "manifest", "V1", "wrong-phase", "the first entry is not a manifest")
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
        _require(signature is not None, "V10", "signature", "the entry is not signed")
        holds = ed25519.verify(key, signed_bytes(self.fingerprint, entry.value), signature)
        _require(holds, "V10", "signature")
        self._decoded(entry)

    def _decoded(self, entry):
        try:
            entry.decoded()
        except BadElement as error:
            raise Rejection(_check_of_elements(entry.type), "undecodable", str(error)) from None

    def _administrator(self, entry):
        number = entry["administrator"]
        _require(1 <= number <= len(self.manifest.administrators), "V10", "unknown-administrator")
        self._signed_by(self.manifest.administrators[number - 1]["key"], entry)

    def _trustee(self, entry):
        number = entry["trustee"]
        _require(1 <= number <= len(self.manifest.trustees), "V10", "unknown-trustee")
        self._signed_by(self.manifest.trustees[number - 1]["identity_key"], entry)
        _require(number in self.active, "V32", "excluded", f"trustee {number} was left out by a restart")
        return number

    # --- Messages in parts ----------------------------------------------------------------------------------------

    def _part(self, entry):
        trustee = self._trustee(entry)
        check = _check_of_elements(entry.type)
        part, parts, chunk = entry["part"], entry["parts"], entry["chunk"]
        logged = self.part_bytes.get(trustee, 0) + len(chunk)
        _require(logged <= MAX_PART_BYTES, check, "too-many-parts")
        _require(2 <= parts <= MAX_PARTS and part < parts, check, "part-number")
        last = part + 1 == parts
        _require(0 < len(chunk) <= CHUNK_BYTES if last else len(chunk) == CHUNK_BYTES, check, "part-size")
        # Part 0 begins anew, whatever was under way.
        underway = {"message": entry["message"], "parts": parts, "chunks": []}
        if part:
            before = self.parts.get(trustee, underway)
            same = all(before[name] == underway[name] for name in ("message", "parts"))
            _require(same and part == len(before["chunks"]), check, "part-order")
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
        _require(sha256(whole) == entry["message"], check, "part-hash")
        try:
            message = parse_entry(whole, MESSAGES, limit=None)
        except Malformed as error:
            raise Rejection(check, "malformed", str(error)) from None
        _require(message.type + "-part" == entry.type and message["trustee"] == trustee, check, "part-message")
        _require(message.type in PHASES[self.phase], "V9", "wrong-phase", f"{message.type} in phase {self.phase}")
        getattr(self, "_" + message.type.replace("-", "_"))(message)

    # --- Section 5: key ceremony ----------------------------------------------------------------------------------

    def _ceremony_message(self, entry):
        """The sender, after the rules that all phases of the ceremony share."""
        trustee = self._trustee(entry)
        _require(entry["attempt"] == self.attempt, "V11", "attempt")
        _require(not self.culprits(), "V11", "attempt-failed")
        phase = CEREMONY.index(entry.type)
        if phase:
            _require(self._complete(CEREMONY[phase - 1]), "V11", "ceremony-order")
        _require(trustee not in self.messages[entry.type], "V11", "already-sent")
        return trustee

    def _complete(self, kind):
        """Whether all who take part have sent this."""
        return len(self.messages[kind]) == len(self.active)

    def ceremony_complete(self):
        return self.manifest is not None and self._complete("trustee-rehearsal")

    def _in_order(self, kind):
        return [self.messages[kind][i] for i in self.active]

    def _trustee_commit(self, entry):
        self.messages[entry.type][self._ceremony_message(entry)] = entry

    def _trustee_reveal(self, entry):
        trustee, m = self._ceremony_message(entry), self.manifest
        commits = ceremony.commits_hash(self.fingerprint, self.attempt, [e["hash"] for e in self._in_order("trustee-commit")])
        _require(entry["commits"] == commits, "V11", "commits")
        commitments = entry["commitments"]
        _require(len(commitments) == m.row_count * m.quorum, "V11", "commitments-length")
        expected = ceremony.coefficients_hash(
            self.fingerprint, self.attempt, trustee, m.row_count, m.quorum, commitments
        )
        _require(self.messages["trustee-commit"][trustee]["hash"] == expected, "V11", "commitments-hash")
        proved = ceremony.constant_terms_hold(
            self.fingerprint, self.attempt, trustee, commits, commitments, m.quorum, entry["proof"]
        )
        _require(proved, "V11", "constant-terms")
        revealed = {**self.messages[entry.type], trustee: entry}
        if len(revealed) == len(self.active):
            keys = ceremony.Keys({i: revealed[i]["commitments"] for i in sorted(revealed)}, m.quorum)
            _require(keys.acceptable(), "V12", "election-keys")
            self.keys = keys
        self.messages[entry.type] = revealed

    def _trustee_shares(self, entry):
        trustee, m = self._ceremony_message(entry), self.manifest
        packages = entry["packages"]
        others = [i for i in self.active if i != trustee]
        _require([p["recipient"] for p in packages] == others, "V11", "recipients")
        seen = set(self.ephemerals)
        for package in packages:
            _require(len(package["masked"]) == 32 * m.row_count, "V11", "package-length")
            encoded = package["ephemeral"].encode()
            _require(encoded not in seen, "V11", "repeated-ephemeral")
            seen.add(encoded)
            _require(ceremony.package_holds(self.fingerprint, self.attempt, trustee, package), "V11", "package-proof")
        self.ephemerals = seen
        self.messages[entry.type][trustee] = entry

    def _trustee_confirm(self, entry):
        trustee = self._ceremony_message(entry)
        kinds = [self._in_order(kind) for kind in CEREMONY[:3]]
        hashes = [[e.hash for e in three] for three in zip(*kinds)]
        expected = ceremony.ceremony_hash(self.fingerprint, self.attempt, hashes)
        _require(entry["ceremony"] == expected, "V11", "ceremony-hash")
        self.ceremony = expected
        self.messages[entry.type][trustee] = entry

    def _trustee_rehearsal(self, entry):
        trustee = self._ceremony_message(entry)
        t = ceremony.rehearsal_transcript(self.fingerprint, self.ceremony, trustee)
        pad = ceremony.rehearsal_pad(self.fingerprint, self.ceremony)
        public = self.keys.shares[trustee]
        _require(ceremony.shares_hold(t, public, [pad], [entry["shares"]], entry["proof"]), "V11", "share-proof")
        self.messages[entry.type][trustee] = entry

    # --- Section 5, "Complain" and "Restart" ------------------------------------------------------------------------

    def culprits(self):
        """Who was shown to cheat in the present attempt."""
        return sorted({culprit for _, attempt, _, _, culprit in self.complaints if attempt == self.attempt})

    def awaited(self):
        """Whose message of the present phase is missing; nobody when the attempt is complete or has failed."""
        kind = next((kind for kind in CEREMONY if not self._complete(kind)), None)
        if kind is None or self.culprits():
            return []
        return [i for i in self.active if i not in self.messages[kind]]

    def _trustee_complaint(self, entry):
        trustee, dealer, m = self._trustee(entry), entry["dealer"], self.manifest
        _require(entry["attempt"] == self.attempt, "V32", "attempt")
        _require(trustee not in self.messages["trustee-confirm"], "V32", "already-sent")
        _require(self._complete("trustee-shares"), "V32", "ceremony-order")
        _require(dealer in self.active and dealer != trustee, "V32", "no-package")
        before = [(c[1], c[2], c[3]) for c in self.complaints]
        _require((self.attempt, trustee, dealer) not in before, "V32", "already-sent")
        packages = self.messages["trustee-shares"][dealer]["packages"]
        package = next(p for p in packages if p["recipient"] == trustee)
        key, shared = m.trustees[trustee - 1]["encryption_key"], entry["shared"]
        route = (self.fingerprint, self.attempt, dealer, trustee, key, package, shared)
        _require(ceremony.complaint_holds(*route, entry["proof"]), "V32", "complaint-proof")
        commitments = self.messages["trustee-reveal"][dealer]["commitments"]
        right = ceremony.package_is_right(*route, commitments, m.quorum)
        self.complaints.append((self.index, self.attempt, trustee, dealer, trustee if right else dealer))

    def _ceremony_restart(self, entry):
        self._administrator(entry)
        _require(entry["attempt"] == self.attempt + 1 <= MAX_ATTEMPTS, "V32", "restart")
        excluded, culprits = entry["excluded"], self.culprits()
        named = [e["trustee"] for e in excluded]
        _require(named == sorted(set(named)), "V32", "restart")
        reason = "fault" if culprits else "absent"
        _require(all(e["reason"] == reason for e in excluded), "V32", "restart")
        allowed = named == culprits if culprits else set(named) <= set(self.awaited())
        _require(allowed, "V32", "restart", "it leaves out others than those who cheated or are awaited")
        remaining = [i for i in self.active if i not in named]
        _require(len(remaining) >= self.manifest.agreement_quorum, "V32", "restart", "too few trustees remain")
        self.active, self.attempt = remaining, entry["attempt"]
        self.messages = {kind: {} for kind in CEREMONY}
        self.parts, self.part_bytes = {}, {}
        self.keys = self.ceremony = None
        self.restarts.append((self.index, entry))

    # --- Section 6: roll and opening ------------------------------------------------------------------------------

    def _roll_part(self, entry):
        _require(self.roll_hash is None, "V13", "roll-complete")
        self._signed_by(self.manifest.registrar["key"], entry)
        _require(entry["part"] == len(self.roll_parts), "V13", "roll-part-order")
        _require(entry["entries"] != [], "V13", "empty-roll")
        last, added = self.last_credential, {}
        for line in entry["entries"]:
            encoded = line["credential"].encode()
            _require(encoded > last, "V13", "roll-order")
            _require(not line["credential"].is_identity(), "V13", "credential")
            _require(line["group"] in self.manifest.group_ids, "V13", "unknown-group")
            _require(line["style"] in self.manifest.relations, "V13", "unknown-style")
            _require(line["weight"] >= 1, "V13", "roll-weight")
            added[encoded] = Voter(line["style"], line["group"], line["weight"])
            last = encoded
        weight = self.roll_weight + sum(voter.weight for voter in added.values())
        _require(weight <= self.manifest.max_total_weight, "V13", "roll-weight")
        self.roll_weight = weight
        self.voters.update(added)
        self.last_credential = last
        self.roll_parts.append(entry.hash)

    def _roll(self, entry):
        _require(self.roll_hash is None, "V13", "roll-complete")
        self._signed_by(self.manifest.registrar["key"], entry)
        expected = labelled_hash("roll", self.fingerprint, len(self.roll_parts), *self.roll_parts)
        _require(entry["parts"] == len(self.roll_parts) and entry["hash"] == expected, "V13", "roll-hash")
        _require(entry["count"] == len(self.voters) > 0, "V13", "roll-count")
        _require(entry["total_weight"] == self.roll_weight, "V13", "roll-weight")
        self.roll_hash = expected

    def _opening(self, entry):
        self._administrator(entry)
        _require(self.ceremony_complete(), "V14", "ceremony-incomplete")
        _require(self.roll_hash is not None, "V14", "roll-missing")
        _require(entry["ceremony"] == self.ceremony and entry["roll"] == self.roll_hash, "V14", "opening-hashes")
        _require(entry["time_ms"] >= self.manifest.schedule["opens_at_ms"], "V14", "too-early")
        _require(entry["time_ms"] < self.closes_at_ms, "V14", "too-late")
        self.opened_ms = entry["time_ms"]
        self.contexts = {
            style: self.manifest.context(style, self.ceremony, self.keys.keys) for style in self.manifest.relations
        }
        self.phase = "open"

    # --- Section 4: ballots and tally heads -----------------------------------------------------------------------

    def _ballot(self, entry):
        self._decoded(entry)
        ballot = ballots.Ballot.from_entry(entry)
        _require(ballot.style in self.contexts, "V16", "unknown-style")
        try:
            ballots.check_shape(self.contexts[ballot.style], ballot)
        except ballots.BallotError as error:
            raise Rejection("V16", "ballot-shape", str(error)) from None
        voter = self.voters.get(ballot.credential.encode())
        _require(voter is not None, "V17", "unknown-credential")
        _require(ballot.style == voter.style, "V16", "ballot-style")
        _require(ballot.counter == voter.counter + 1, "V18", "counter")
        _require(ballot.previous == voter.last, "V18", "previous")
        _require(voter.counter < self.manifest.casts_per_credential, "V19", "too-many-casts")
        _require(ballot.pad.encode() not in self.pads, "V20", "repeated-pad")
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
        _require(self.unsummed, "V22", "tally-head-without-ballots")
        _require(entry["tree_size"] == self.index, "V22", "tally-head-size")
        _require(entry["ballots"] == self.tally.ballots, "V22", "tally-head-ballots")
        _require(entry["digest"] == self.tally.digest(), "V22", "tally-head-digest")
        self.unsummed = False

    def _extension(self, entry):
        self._administrator(entry)
        _require(entry["closes_at_ms"] > self.closes_at_ms, "V15", "not-later")
        self.closes_at_ms = entry["closes_at_ms"]

    def _closing(self, entry):
        self._administrator(entry)
        _require(not self.unsummed, "V23", "no-tally-head")
        _require(entry["time_ms"] >= self.opened_ms, "V23", "too-early")
        self.phase = "closed"

    def _abandonment(self, entry):
        self._administrator(entry)
        length = len(entry["reason"].encode())
        _require(entry["reason"].strip() != "" and length <= MAX_REASON_BYTES, "V15", "no-reason")
        self.phase = "abandoned"

    # --- Section 8: agreement, decryption, result -----------------------------------------------------------------

    def _agreement(self, entry):
        trustee = self._trustee(entry)
        _require(entry["head"] == self.closing_head, "V24", "other-head")
        _require(trustee not in self.agreements, "V24", "second-agreement")
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
        _require(entry["head"] == self.closing_head, "V26", "share-head")
        _require(trustee not in self.shares, "V26", "already-sent")
        _require(self.share_entries.get(trustee, 0) < MAX_SHARE_ENTRIES, "V26", "too-many-shares")
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
        _require(count is not None, "V27", "count-out-of-range", f"no count of {contest}, row {row + 1}, fits")
        return count

    def _result(self, entry):
        self._administrator(entry)
        _require(_without_counts(entry["contests"]) == _without_counts(self.counts), "V25", "cells")
        _require(entry["contests"] == self.counts, "V27", "counts")
        self.result = entry
        self.phase = "published"
