"""Sections 2 and 3: what a manifest must keep beyond the shape of its entry, and what it compiles to."""

from . import ceremony, contests
from .ballots import Context
from .encoding import MAX_ENTRY_BYTES, MAX_MESSAGE_BYTES, Malformed

MAX_COUNT = 2**40
MAX_LANGUAGES = 64
MAX_TALLY_POINTS = 200_000


class Manifest:
    """A checked manifest: contests compiled, rows numbered, styles as relations."""

    def __init__(self, entry):
        self.fields, self.fingerprint = entry.decoded().fields, entry.hash
        for name, value in entry.fields.items():
            setattr(self, name, value)
        self._check_officials()
        self._check_texts(entry.fields)
        for what, most in (("contests", 1_000), ("groups", 10_000), ("ballot_styles", 10_000)):
            _require(1 <= len(getattr(self, what)) <= most, f"1 to {most} {what}")
            _distinct([item["id"] for item in getattr(self, what)], what)
        self.contest_ids = [c["id"] for c in self.contests]
        self.group_ids = [g["id"] for g in self.groups]
        self.compiled = {}
        for contest in self.contests:
            _distinct([s["id"] for s in contest["selections"]], "selections")
            self.compiled[contest["id"]] = contests.compile_contest(contest)
        self._number_rows()
        self._compile_styles()
        self._check_limits()

    def _check_officials(self):
        n, k, q = len(self.trustees), self.quorum, self.agreement_quorum
        _require(k <= n < 2 * k, "a quorum of more than half of the trustees")
        _require(k <= q <= n, "an agreement quorum from the quorum to the number of trustees")
        _require(self.witness_quorum <= len(self.witnesses), "a quorum of at most all witnesses")
        _require(self.schedule["opens_at_ms"] < self.schedule["closes_at_ms"], "an opening before the closing")
        _distinct([a["key"] for a in self.administrators], "administrators' keys")
        _distinct([w["key"] for w in self.witnesses], "witnesses' keys")
        _distinct([t["identity_key"] for t in self.trustees], "identity keys")
        _distinct([t["encryption_key"].encode() for t in self.trustees], "encryption keys")
        for number, t in enumerate(self.trustees, 1):
            _require(not t["encryption_key"].is_identity(), f"an encryption key of trustee {number}")
            held = ceremony.possession_holds(t["identity_key"], t["encryption_key"], t["proof"])
            _require(held, f"a valid proof of possession of trustee {number}")

        for official in (*self.administrators, *self.witnesses, *self.trustees, self.registrar):
            _require(official["name"].strip() != "", "a name of every official")
        origin = self.log["origin"]
        word = origin and len(origin.encode()) <= 255 and not any(c.isspace() or c == "+" or ord(c) < 32 for c in origin)
        _require(word, "an origin that is one word without +")

    def _check_texts(self, fields):
        _require(1 <= len(self.languages) <= MAX_LANGUAGES, "1 to 64 languages")
        _distinct(self.languages, "languages")
        named = fields["contests"] + fields["ballot_styles"] + fields["groups"]
        named += [s for c in fields["contests"] for s in c["selections"]]
        for texts in [fields["name"], fields["description"]] + [item["name"] for item in named]:
            _require(texts.keys() == set(self.languages), "texts in exactly the manifest's languages")
            if texts is not fields["description"]:
                _require(all(text.strip() for text in texts.values()), "texts that are not empty")

    def _number_rows(self):
        """Row numbers (from 0) of each contest: all secret rows in manifest order."""
        self.rows, self.row_count = {}, 0
        for contest, compiled in self.compiled.items():
            self.rows[contest] = list(range(self.row_count, self.row_count + len(compiled.secret_rows)))
            self.row_count += len(compiled.secret_rows)

    def _compile_styles(self):
        self.relations, self.style_rows = {}, {}
        for style in self.ballot_styles:
            held = style["contests"]
            _require(1 <= len(held) <= 1_000, "1 to 1,000 contests in a ballot style")
            _require(held == [c for c in self.contest_ids if c in held], "a style's contests in manifest order")
            self.relations[style["id"]] = contests.Relation([self.compiled[c] for c in held])
            self.style_rows[style["id"]] = [row for c in held for row in self.rows[c]]
        held = {c for style in self.ballot_styles for c in style["contests"]}
        _require(held == set(self.contest_ids), "a ballot style for every contest")

    def _check_limits(self):
        _require(1 <= self.floor <= MAX_COUNT, "a floor from 1 to 2^40")
        _require(1 <= self.max_total_weight <= MAX_COUNT, "a total weight from 1 to 2^40")
        for relation in self.relations.values():
            for row in relation.secret:
                _require(self.max_total_weight * row.largest <= MAX_COUNT, "counts of at most 2^40")
            # An upper bound of the entry: 47 bytes for each of M + 9 points and N + 4 scalars, and what stands around.
            size = 47 * (len(relation.secret) + relation.bits + 13) + 464
            _require(size <= MAX_ENTRY_BYTES, "ballots that fit an entry")
        self._check_messages()

    def _check_messages(self):
        """Section 10: upper bounds of what the election will have to log."""
        contests_, groups, rows = len(self.contests), len(self.groups), self.row_count
        result = 1_000 + contests_ * 124 + groups * (contests_ * 104 + rows * 14)
        _require(result <= MAX_ENTRY_BYTES, "a result that fits an entry")
        reveal = 1_000 + rows * self.quorum * 47
        shares = 1_000 + len(self.trustees) * (400 + rows * 47)
        decryption = 1_000 + groups * rows * 47
        self.longest_message = max(reveal, shares, decryption)
        _require(self.longest_message <= MAX_MESSAGE_BYTES, "trustees' messages of at most 16 MiB")
        points = groups * sum(len(relation.secret) + 1 for relation in self.relations.values())
        _require(points <= MAX_TALLY_POINTS, "a running tally of at most 200,000 points")

    def styles_with(self, contest):
        """For each style that holds the contest: where its rows stand in the style's data."""
        rows = self.rows[contest]
        held = {s: numbers for s, numbers in self.style_rows.items() if rows[0] in numbers}
        return {style: [numbers.index(row) for row in rows] for style, numbers in held.items()}

    def context(self, style, ceremony_hash, keys):
        return Context(self.fingerprint, ceremony_hash, keys, style, self.relations[style], self.style_rows[style])


def _require(holds, what):
    if not holds:
        raise Malformed(f"the manifest lacks {what}")


def _distinct(items, what):
    _require(len(set(items)) == len(items), f"distinct {what}")
