"""A whole election in memory from a fixed seed, honest or with one change: for the vectors and the tests.

Every "random" value is drawn from `Draw`, in the order of the calls, so that vectors come out the same byte for byte.
Not how a real election draws randomness.
"""

import copy
import hashlib
import json

from . import ballots, ceremony, decryption, ed25519, log, spoiled
from .encoding import CHUNK_BYTES, MAX_ENTRY_BYTES, canonical, labelled_hash, sha256, signed_bytes, to_base64
from .group import G, Point, encode_scalar, wide_scalar
from .record import Record


class Draw:
    """A stream of bytes and scalars from a seed."""

    def __init__(self, seed):
        self.seed, self.counter = seed.encode(), 0

    def bytes(self, length=32):
        self.counter += 1
        return hashlib.shake_256(self.seed + self.counter.to_bytes(8, "little")).digest(length)

    def scalar(self):
        return wide_scalar(self.bytes(64))


def text(value):
    """The JSON text of points and of secrets' scalars: base64."""
    return to_base64(value.encode() if isinstance(value, Point) else value)


def scalar_text(value):
    return to_base64(encode_scalar(value))


def proof_text(proof):
    return {name: scalar_text(v) if name == "z" else text(v) for name, v in proof.items()}


def english(value):
    return {"en": value}


def choice(blank=False, high=1, low=1, seats=1):
    return {"blank": blank, "max": high, "min": low, "seats": seats, "type": "choice"}


def contest(name, rule, selections):
    named = [{"id": s, "name": english(s.title())} for s in selections]
    return {"id": name, "name": english(name.title()), "rule": rule, "selections": named}


CONTESTS = (
    contest("chair", choice(), ["ada", "bo", "cy"]),
    contest("board", choice(blank=True, high=2, low=1, seats=2), ["dee", "eli", "fay"]),
)
STYLES = {"full": ["chair", "board"], "short": ["board"]}
OPENS, CLOSES = 1_800_000_000_000, 1_800_000_600_000


class Election:
    """Officials with their secrets, and the record that they fill."""

    def __init__(self, seed="veritally sample", n=3, k=2, q=2, contests=CONTESTS, styles=None, groups=("north", "south"), **more):
        self.draw, self.n, self.k = Draw(seed), n, k
        self.seeds = {name: self.draw.bytes() for name in ("log", "administrator", "registrar", "witness")}
        self.identity = [self.draw.bytes() for _ in range(n)]
        self.secrets = [self.draw.scalar() for _ in range(n)]
        styles = STYLES if styles is None else styles
        self.manifest_value = {
            "administrators": [{"held_by_board": False, "key": self._key("administrator"), "name": "Administrator"}],
            "agreement_quorum": q,
            "ballot_styles": [{"contests": c, "id": s, "name": english(s.title())} for s, c in styles.items()],
            "casts_per_credential": 3,
            "contests": list(contests),
            "description": english("A sample election."),
            "dispute_window_ms": 0,
            "election": "sample",
            "floor": 2,
            "groups": [{"id": g, "name": english(g.title())} for g in groups],
            "languages": ["en"],
            "log": {"key": self._key("log"), "origin": "board.example/sample"},
            "max_total_weight": 1_000,
            "name": english("Sample"),
            "quorum": k,
            "registrar": {"key": self._key("registrar"), "name": "Registrar"},
            "schedule": {"closes_at_ms": CLOSES, "opens_at_ms": OPENS},
            "trustees": [self._trustee(i) for i in range(n)],
            "type": "manifest/v1",
            "weights_may_identify": False,
            "witness_quorum": 1,
            "witnesses": [{"key": self._key("witness"), "name": "witness.example/w1"}],
            **more,
        }
        self.entries, self.record, self.credentials = [], Record(), []

    def _key(self, name):
        return to_base64(ed25519.public_key(self.seeds[name]))

    def _trustee(self, i):
        identity = ed25519.public_key(self.identity[i])
        proof = ceremony.prove_possession(identity, self.secrets[i], self.draw.scalar())
        return {
            "encryption_key": text(self.secrets[i] * G),
            "identity_key": to_base64(identity),
            "name": f"Trustee {i + 1}",
            "proof": proof_text(proof),
        }

    @classmethod
    def resumed(cls, other, size):
        """The same officials after the first entries of another election's record."""
        self = copy.copy(other)
        self.entries, self.record = [], Record()
        for data in other.entries[:size]:
            self.append(data)
        self.credentials = [{**v, "counter": 0, "last": bytes(32)} for v in other.credentials]
        return self

    # --- Appending --------------------------------------------------------------------------------------------------

    def append(self, data):
        self.record.apply(data)
        self.entries.append(data)
        return data

    def signed(self, value, seed):
        """The entry's bytes with the signature of this seed's key."""
        signature = ed25519.sign(seed, signed_bytes(self.fingerprint, value))
        return canonical({**value, "signature": to_base64(signature)})

    def by_administrator(self, kind, **members):
        value = {"type": f"{kind}/v1", "administrator": 1, **members}
        return self.signed(value, self.seeds["administrator"])

    def by_registrar(self, kind, **members):
        return self.signed({"type": f"{kind}/v1", **members}, self.seeds["registrar"])

    def by_trustee(self, trustee, kind, **members):
        """`trustee` counts from 1."""
        return self.signed({"type": f"{kind}/v1", "trustee": trustee, **members}, self.identity[trustee - 1])

    def parts(self, trustee, data, force=False):
        """The entries that carry this message: itself, or its parts when it does not fit."""
        if len(data) <= MAX_ENTRY_BYTES and not force:
            return [data]
        kind = json.loads(data)["type"].replace("/v1", "-part")
        chunks = [data[i : i + CHUNK_BYTES] for i in range(0, len(data), CHUNK_BYTES)]
        return [
            self.by_trustee(trustee, kind, chunk=to_base64(c), message=sha256(data).hex(), part=i, parts=len(chunks))
            for i, c in enumerate(chunks)
        ]

    # --- The phases -------------------------------------------------------------------------------------------------

    def setup(self):
        data = canonical(self.manifest_value)
        self.fingerprint = sha256(data)
        self.append(data)
        self.manifest = self.record.manifest
        return self

    def hold_ceremony(self):
        self.draw_polynomials()
        for make in (self.commit, self.reveal, self.shares, self.confirm, self.rehearse):
            for trustee in self.record.active:
                for entry in self.parts(trustee, make(trustee)):
                    self.append(entry)
        return self

    def draw_polynomials(self):
        rows = self.manifest.row_count
        self.polynomials = [[[self.draw.scalar() for _ in range(self.k)] for _ in range(rows)] for _ in range(self.n)]
        self.messages, self.ephemerals = {}, {}

    @property
    def attempt(self):
        return self.record.attempt

    def _message(self, trustee, kind, **members):
        data = self.by_trustee(trustee, kind, attempt=self.attempt, **members)
        self.messages[kind, trustee] = data
        return data

    def commit(self, l):
        m = self.manifest
        commitments = ceremony.commitments_of(self.polynomials[l - 1])
        h = ceremony.coefficients_hash(self.fingerprint, self.attempt, l, m.row_count, m.quorum, commitments)
        return self._message(l, "trustee-commit", hash=h.hex())

    def commits(self):
        hashes = [self.record.messages["trustee-commit"][i]["hash"] for i in self.record.active]
        return ceremony.commits_hash(self.fingerprint, self.attempt, hashes)

    def reveal(self, l):
        polynomials, commits = self.polynomials[l - 1], self.commits()
        proof = ceremony.prove_constant_terms(
            self.fingerprint, self.attempt, l, commits, polynomials, self.draw.scalar()
        )
        commitments = [text(c) for c in ceremony.commitments_of(polynomials)]
        return self._message(l, "trustee-reveal", commitments=commitments, commits=commits.hex(), proof=proof_text(proof))

    def package(self, l, i, wrong=None):
        key = self.manifest.trustees[i - 1]["encryption_key"]
        e, v = self.draw.scalar(), self.draw.scalar()
        self.ephemerals[l, i] = e
        polynomials = self.polynomials[l - 1]
        match wrong:
            case "too high":
                polynomials = [[polynomials[0][0] + 1, *polynomials[0][1:]], *polynomials[1:]]
            case "no scalars":
                return ceremony.package_of(self.fingerprint, self.attempt, l, i, key, b"\xff" * 32 * len(polynomials), e, v)
        return ceremony.make_package(self.fingerprint, self.attempt, l, i, key, polynomials, e, v)

    def shares(self, l, wrong=None):
        """`wrong`: recipients that are cheated, and how."""
        packages = []
        for i in (i for i in self.record.active if i != l):
            p = self.package(l, i, (wrong or {}).get(i))
            packages.append(
                {
                    "ephemeral": text(p["ephemeral"]),
                    "masked": to_base64(p["masked"]),
                    "proof": proof_text(p["proof"]),
                    "recipient": i,
                }
            )
        return self._message(l, "trustee-shares", packages=packages)

    def ceremony_hash(self):
        kinds = ("trustee-commit", "trustee-reveal", "trustee-shares")
        hashes = [[sha256(self.messages[kind, l]) for kind in kinds] for l in self.record.active]
        return ceremony.ceremony_hash(self.fingerprint, self.attempt, hashes)

    def confirm(self, l):
        return self._message(l, "trustee-confirm", ceremony=self.ceremony_hash().hex())

    def share_secrets(self, i):
        """x_{i,r} for each r."""
        rows = range(self.manifest.row_count)
        dealt = [self.polynomials[l - 1] for l in self.record.active]
        return [sum(ceremony.evaluate(p[r], i) for p in dealt) for r in rows]

    def rehearse(self, i):
        ceremony_hash = self.ceremony_hash()
        t = ceremony.rehearsal_transcript(self.fingerprint, ceremony_hash, i)
        pad = ceremony.rehearsal_pad(self.fingerprint, ceremony_hash)
        shares, proof = ceremony.prove_shares(t, self.share_secrets(i), [pad], self.draw.scalar())
        return self._message(i, "trustee-rehearsal", proof=proof_text(proof), shares=[text(d) for d in shares[0]])

    def enroll(self, voters, per_part=100):
        """`voters`: (style, group, weight) each. Appends the roll."""
        made = []
        for style, group, weight in voters:
            code = self.draw.bytes(16)
            secret = ballots.credential_secret(self.fingerprint, code)
            made.append({"code": code, "secret": secret, "key": secret * G, "style": style, "group": group, "weight": weight})
        self.credentials = made
        for v in made:
            v.update(counter=0, last=bytes(32))
        lines = [
            {"credential": text(v["key"]), "group": v["group"], "style": v["style"], "weight": v["weight"]}
            for v in sorted(made, key=lambda v: v["key"].encode())
        ]
        chunks = [lines[i : i + per_part] for i in range(0, len(lines), per_part)]
        parts = [self.append(self.by_registrar("roll-part", entries=c, part=i)) for i, c in enumerate(chunks)]
        self.append(self.roll_entry(parts, lines))
        return self

    def roll_entry(self, parts, lines):
        h = labelled_hash("roll", self.fingerprint, len(parts), *map(sha256, parts))
        total = sum(line["weight"] for line in lines)
        return self.by_registrar("roll", count=len(lines), hash=h.hex(), parts=len(parts), total_weight=total)

    def reissue(self, voter):
        """Another code for this voter."""
        v, code = self.credentials[voter], self.draw.bytes(16)
        secret = ballots.credential_secret(self.fingerprint, code)
        data = self.reissue_entry(v["key"], secret * G)
        v.update(code=code, secret=secret, key=secret * G)
        return self.append(data)

    def reissue_entry(self, old, new):
        return self.by_registrar("reissue", new=text(new), old=text(old), time_ms=OPENS)

    def open(self):
        members = {"ceremony": self.record.ceremony.hex(), "roll": self.record.roll_hash.hex()}
        self.append(self.by_administrator("opening", time_ms=OPENS, **members))
        return self

    def ballot(self, voter, answers, bits=None, **changed):
        """A ballot of this credential: `answers` by contest id, or the bits themselves."""
        v, style = self.credentials[voter], self.credentials[voter]["style"]
        context = self.record.contexts[changed.pop("style", style)]
        held = next(s["contests"] for s in self.manifest.ballot_styles if s["id"] == context.style)
        bits = context.relation.encode([answers[c] for c in held]) if bits is None else bits
        counter, previous = changed.pop("counter", v["counter"] + 1), changed.pop("previous", v["last"])
        seed = changed.pop("seed", None) or self.draw.bytes()
        assert not changed
        ballot, nonces = ballots.encrypt(context, v["key"], counter, previous, bits, seed)
        return ballots.prove(context, ballot, bits, nonces, v["secret"], self.draw.scalar)

    def cast(self, voter, answers):
        data = self.append(self.ballot(voter, answers).entry_bytes())
        v = self.credentials[voter]
        v["counter"], v["last"] = v["counter"] + 1, sha256(data)
        return data

    def spoiled(self, voter, answers, bits=None, **changed):
        """The entry by which this credential publishes a spoiled ballot; `changed` members are signed as they are."""
        v = self.credentials[voter]
        context = self.record.contexts[v["style"]]
        held = next(s["contests"] for s in self.manifest.ballot_styles if s["id"] == context.style)
        bits = context.relation.encode([answers[c] for c in held]) if bits is None else bits
        slot = [changed.pop(name, value) for name, value in (("counter", v["counter"] + 1), ("previous", v["last"]))]
        seed, secret = changed.pop("seed", None) or self.draw.bytes(), changed.pop("secret", v["secret"])
        return spoiled.publish(context, v["key"], *slot, bits, seed, secret, self.draw.scalar(), **changed)

    def tally_head(self, time_ms=OPENS + 1_000):
        t = self.record.tally
        value = {"ballots": t.ballots, "digest": t.digest().hex(), "time_ms": time_ms}
        return self.append(canonical({**value, "tree_size": self.record.tree.size, "type": "tally-head/v1"}))

    def close(self):
        self.append(self.by_administrator("closing", time_ms=CLOSES))
        return self

    def head(self):
        head = self.record.closing_head
        return {"root": head["root"].hex(), "tree_size": head["tree_size"]}

    def agree(self, i):
        return self.append(self.by_trustee(i, "agreement", head=self.head(), time_ms=CLOSES + 1_000))

    def decryption_share(self, i):
        head, secrets, contests = self.record.closing_head, self.share_secrets(i), []
        for contest_id, cells in self.record.to_decrypt().items():
            t = decryption.decryption_transcript(
                self.fingerprint, self.record.ceremony, head["tree_size"], head["root"], contest_id, i
            )
            rows = self.manifest.rows[contest_id]
            pads = [pad for _, pad, _ in cells]
            shares, proof = ceremony.prove_shares(t, [secrets[r] for r in rows], pads, self.draw.scalar())
            contests.append(
                {"contest": contest_id, "proof": proof_text(proof), "shares": [[text(d) for d in row] for row in shares]}
            )
        return self.by_trustee(i, "decryption-share", contests=contests, head=self.head())

    def decrypt(self, i):
        for entry in self.parts(i, self.decryption_share(i)):
            self.append(entry)

    def publish(self):
        self.append(self.by_administrator("result", contests=self.record.counts, time_ms=CLOSES + 2_000))
        return self


def answer(*selections, blank=False):
    return {"blank": blank, "selections": list(selections), "type": "choice"}


VOTERS = [("full", "north", 1)] * 4 + [("short", "north", 1)] * 2 + [("full", "south", 3)] * 3 + [("short", "south", 1)]
VOTES = [
    (0, {"chair": answer("ada"), "board": answer("dee", "eli")}),
    (1, {"chair": answer("bo"), "board": answer(blank=True)}),
    (4, {"board": answer("fay")}),
    (6, {"chair": answer("cy"), "board": answer("eli")}),
    (0, {"chair": answer("bo"), "board": answer("dee")}),
    (7, {"chair": answer("cy"), "board": answer("dee", "fay")}),
    (9, {"board": answer("dee")}),
]


def sample_election():
    """A finished election: two styles, two groups, weights, a re-vote, a group under the floor, two re-issued credentials,
    two published spoiled ballots."""
    e = Election().setup().hold_ceremony().enroll(VOTERS, per_part=6)
    e.reissue(2)
    e.open()
    e.append(e.spoiled(0, VOTES[0][1]))
    for voter, answers in VOTES[:5]:
        e.cast(voter, answers)
    e.reissue(9)
    e.append(e.spoiled(9, {"board": answer(blank=True)}))
    for voter, answers in VOTES[5:]:
        e.cast(voter, answers)
    e.tally_head()
    e.close()
    for trustee in (1, 3):
        e.agree(trustee)
    for trustee in (3, 1):
        e.decrypt(trustee)
    return e.publish()


def export(election, path):
    """Writes the election's record as a board exports it, cosigned by its witness."""
    tree = log.Tree(map(log.leaf_hash, election.entries))
    body = log.checkpoint_body(election.manifest.log["origin"], tree.size, tree.root())
    note = log.sign_note(body, election.manifest.log["origin"], election.seeds["log"])
    note += log.cosignature_line(body, "witness.example/w1", election.seeds["witness"], CLOSES // 1_000)
    log.write_record(path, election.entries, note)
