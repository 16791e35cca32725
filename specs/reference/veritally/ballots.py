"""Section 4: credentials, encryption, confirmation codes and the ballot proof."""

import base64
import hashlib
import os
from dataclasses import dataclass, field, replace

from .contests import parse_answer
from .encoding import Variable, canonical, labelled_hash, to_base64
from .group import G, Q, Point, combination, encode_scalar, generator_g, generator_h
from .transcript import Transcript

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class BallotError(ValueError):
    """A ballot that fails a check; `check` is the number of the ballot check, if it is one."""

    def __init__(self, message, check=None):
        super().__init__(message)
        self.check = check


# --- 4.1 Credentials ------------------------------------------------------------------------------------------------


def crockford(data, bits):
    """The first `bits` bits, most significant first, five to a character."""
    number = int.from_bytes(data, "big") >> (8 * len(data) - bits)
    return "".join(CROCKFORD[number >> shift & 31] for shift in range(bits - 5, -1, -5))


def grouped(text):
    return "-".join(text[i : i + 4] for i in range(0, len(text), 4))


def code_text(code):
    """16 bytes as 28 characters: 26 for the code and two zero bits, 2 for the checksum."""
    return grouped(crockford(code + b"\0", 130) + crockford(labelled_hash("code-checksum", Variable(code)), 10))


def parse_code(text):
    """The code of a text as people type it: any case, groups apart or not, O for 0, I or L for 1."""
    letters = text.upper().replace("-", "").replace(" ", "").translate(str.maketrans("OIL", "011"))
    if len(letters) != 28 or any(c not in CROCKFORD for c in letters):
        raise ValueError("not a credential code")
    number = 0
    for letter in letters[:26]:
        number = number << 5 | CROCKFORD.index(letter)
    code = (number >> 2).to_bytes(16, "big")
    if number & 3 or code_text(code).replace("-", "") != letters:
        raise ValueError("the checksum is wrong")
    return code


def credential_secret(fingerprint, code):
    return Transcript("credential").append("fingerprint", fingerprint).append("code", code).challenge("secret")


def public_id(credential):
    return grouped(crockford(labelled_hash("credential-id", credential), 50))


# --- 4.2 Encryption -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Context:
    """What every ballot of a style shares: the statement's public part."""

    fingerprint: bytes
    ceremony: bytes
    keys: list  # K_1 … K_R, all of the election
    style: str
    relation: object
    rows: list  # for each secret row of the relation, its number in 1 … R, from 0
    _cache: dict = field(default_factory=dict, compare=False)

    def transcript(self):
        """The ballot transcript up to the relation."""
        if "transcript" not in self._cache:
            t = Transcript("ballot").append("fingerprint", self.fingerprint).append("ceremony", self.ceremony)
            t.append("keys", self.keys).append("style", self.style).append("relation", self.relation.digest())
            self._cache["transcript"] = t
        return self._cache["transcript"].copy()

    def style_keys(self):
        return [self.keys[r] for r in self.rows]


@dataclass(frozen=True)
class Ballot:
    """The members of a `ballot/v1` entry."""

    style: str
    credential: Point
    counter: int
    previous: bytes
    pad: Point
    data: list
    bits: Point
    a: Point = None
    t: Point = None
    s: Point = None
    e_pad: Point = None
    e_data: Point = None
    v: Point = None
    f: list = None
    z_1: int = None
    z_2: int = None
    z_3: int = None
    z_4: int = None

    @staticmethod
    def from_entry(entry):
        return Ballot(**entry.decoded().fields)

    def entry_bytes(self):
        def text(value):
            match value:
                case Point():
                    return to_base64(value.encode())
                case bytes():
                    return value.hex()
                case list():
                    return [text(v) for v in value]
            return value

        value = {"type": "ballot/v1"}
        for name in self.__dataclass_fields__:
            member = getattr(self, name)
            if name in ("f", "z_1", "z_2", "z_3", "z_4"):
                scalars = [to_base64(encode_scalar(z)) for z in (member if name == "f" else [member])]
                value[name] = scalars if name == "f" else scalars[0]
            else:
                value[name] = text(member)
        return canonical(value)

    def confirmation_code(self, fingerprint):
        return labelled_hash(
            "confirmation-code", fingerprint, self.style, self.credential, self.counter, self.previous, self.pad,
            len(self.data), *self.data, self.bits,
        )  # fmt: skip


def code_words(code):
    """The first 100 bits of a confirmation code, as people read them."""
    return grouped(crockford(code, 100))


def commit(values, blinding):
    """Com(v; s) = s·H + Σ v_i·G_i."""
    total = blinding * generator_h()
    for i, value in enumerate(values, 1):
        if value:
            total += value * generator_g(i)
    return total


def ballot_nonces(seed, fingerprint, style, credential, counter, bits):
    t = Transcript("ballot-nonces").append("seed", seed).append("fingerprint", fingerprint).append("style", style)
    t.append("credential", credential).append("counter", counter).append("bits", bytes(bits))
    return t.challenge("r"), t.challenge("s")


def encrypt(context, credential, counter, previous, bits, seed):
    """The ballot without its proof, and its nonces (r, s)."""
    r, s = ballot_nonces(seed, context.fingerprint, context.style, credential, counter, bits)
    data = [row.of(bits) * G + r * key for row, key in zip(context.relation.secret, context.style_keys())]
    return Ballot(context.style, credential, counter, previous, r * G, data, commit(bits, s)), (r, s)


def opening(context, ballot, answers, seed):
    """A `ballot-opening/v1`: what Spoil writes. `answers` by contest id, as JSON values."""
    code = ballot.confirmation_code(context.fingerprint)
    return {
        "bits": to_base64(ballot.bits.encode()),
        "code": code.hex(),
        "counter": ballot.counter,
        "credential": to_base64(ballot.credential.encode()),
        "data": [to_base64(d.encode()) for d in ballot.data],
        "fingerprint": context.fingerprint.hex(),
        "pad": to_base64(ballot.pad.encode()),
        "previous": ballot.previous.hex(),
        "seed": seed.hex(),
        "selections": answers,
        "style": ballot.style,
        "type": "ballot-opening/v1",
    }


def check_opening(context, contest_ids, value):
    """Recomputes a spoiled ballot from its seed and selections; raises when anything differs."""
    answers = [parse_answer(value["selections"][c]) for c in contest_ids]
    if set(value["selections"]) != set(contest_ids):
        raise BallotError("the opening answers other contests than its style's")
    bits = context.relation.encode(answers)
    credential = Point.decode(base64.b64decode(value["credential"]))
    seed, previous = bytes.fromhex(value["seed"]), bytes.fromhex(value["previous"])
    ballot, _ = encrypt(context, credential, value["counter"], previous, bits, seed)
    if opening(context, ballot, value["selections"], seed) != value:
        raise BallotError("the opening does not recompute to the spoiled ballot")
    return ballot


# --- 4.3 The ballot proof -------------------------------------------------------------------------------------------


def _powers(y, count):
    """y^1 … y^count."""
    powers, value = [], 1
    for _ in range(count):
        value = value * y % Q
        powers.append(value)
    return powers


def statement(context, ballot):
    """B1: the transcript that holds the whole statement."""
    t = context.transcript().append("credential", ballot.credential).append("counter", ballot.counter)
    t.append("previous", ballot.previous).append("pad", ballot.pad).append("data", ballot.data)
    return t.append("bits", ballot.bits)


def challenges(context, ballot):
    """B1, B2 and B4: y and x."""
    t = statement(context, ballot)
    y = t.challenge("y")
    for label, announced in zip(("a", "t", "s", "e-pad", "e-data", "v"), announcement(ballot)):
        t.append(label, announced)
    return y, t.challenge("x")


def announcement(ballot):
    return ballot.a, ballot.t, ballot.s, ballot.e_pad, ballot.e_data, ballot.v


def prove(context, ballot, bits, nonces, secret, draw):
    """B3 to B5. `draw` yields the move-2 scalars: a_1 … a_N, s_a, s_t, s_s, ρ, k, in this order."""
    relation, (r, s) = context.relation, nonces
    t = statement(context, ballot)
    y = t.challenge("y")
    a = [draw() for _ in range(relation.bits)]
    s_a, s_t, s_s, rho, k = (draw() for _ in range(5))
    powers_i, powers_j = _powers(y, relation.bits), _powers(y, len(relation.rows))
    linear = sum(p * a_i * (1 - 2 * b) for p, a_i, b in zip(powers_i, a, bits))
    square = sum(p * a_i * a_i for p, a_i in zip(powers_i, a))
    of_rows = sum(p * row.of(a) for p, row in zip(powers_j, relation.rows))
    key = combination(powers_j[: len(relation.secret)], context.style_keys())
    h, g_0 = generator_h(), generator_g(0)
    ballot = replace(
        ballot,
        a=commit(a, s_a),
        t=linear * g_0 + s_t * h,
        s=-square * g_0 + s_s * h,
        e_pad=rho * G,
        e_data=of_rows * G + rho * key,
        v=k * G,
    )
    for label, announced in zip(("a", "t", "s", "e-pad", "e-data", "v"), announcement(ballot)):
        t.append(label, announced)
    x = t.challenge("x")
    return replace(
        ballot,
        f=[(x * b + a_i) % Q for b, a_i in zip(bits, a)],
        z_1=(x * s + s_a) % Q,
        z_2=(x * s_t + s_s) % Q,
        z_3=(x * r + rho) % Q,
        z_4=(x * secret + k) % Q,
    )


def check_shape(context, ballot):
    if ballot.style != context.style or len(ballot.data) != len(context.relation.secret):
        raise BallotError("the ballot has not its style's counts")
    if len(ballot.f) != context.relation.bits:
        raise BallotError("the ballot has not its style's bits")
    if ballot.pad.is_identity() or ballot.credential.is_identity():
        raise BallotError("the pad or the credential is the identity")


def equations(context, ballot):
    """The five checks, each as a list of (scalar, point) whose sum is the identity exactly when it holds."""
    relation, (y, x) = context.relation, challenges(context, ballot)
    powers_i, powers_j = _powers(y, relation.bits), _powers(y, len(relation.rows))
    secret = len(relation.secret)
    h, g_0 = generator_h(), generator_g(0)
    bits_value = sum(p * f * (x - f) for p, f in zip(powers_i, ballot.f))
    known = sum(p * row.value for p, row in zip(powers_j[secret:], relation.public))
    of_rows = sum(p * row.of(ballot.f) for p, row in zip(powers_j, relation.rows))
    return [
        [(x, ballot.bits), (1, ballot.a), (-ballot.z_1, h)] + [(-f, generator_g(i)) for i, f in enumerate(ballot.f, 1)],
        [(x, ballot.t), (1, ballot.s), (-bits_value, g_0), (-ballot.z_2, h)],
        [(x, ballot.pad), (1, ballot.e_pad), (-ballot.z_3, G)],
        [(x * p, d) for p, d in zip(powers_j, ballot.data)]
        + [(x * known - of_rows, G), (1, ballot.e_data)]
        + [(-ballot.z_3 * p, key) for p, key in zip(powers_j, context.style_keys())],
        [(x, ballot.credential), (1, ballot.v), (-ballot.z_4, G)],
    ]


def verify(context, ballot):
    """One ballot, check by check; the first that fails is named."""
    check_shape(context, ballot)
    for number, terms in enumerate(equations(context, ballot), 1):
        if not combination(*zip(*terms)).is_identity():
            raise BallotError(f"ballot check {number} fails", number)


def verify_batch(items):
    """The positions of the bad ballots among (context, ballot, entry bytes), all folded into one equation.

    ⚠ Each (ballot, check) has its own 128-bit weight from fresh randomness and a hash of all the bytes; a failing batch
    is halved, with new weights, until the bad ballots stand alone.
    """
    bad, prepared = {}, []
    for position, (context, ballot, data) in enumerate(items):
        try:
            check_shape(context, ballot)
            prepared.append((position, equations(context, ballot), data))
        except BallotError as error:
            bad[position] = error

    def fold(part):
        if not part or _folds_to_identity(part):
            return
        if len(part) == 1:
            context, ballot, _ = items[part[0][0]]
            try:
                verify(context, ballot)
            except BallotError as error:
                bad[part[0][0]] = error
            return
        fold(part[: len(part) // 2])
        fold(part[len(part) // 2 :])

    fold(prepared)
    return bad


def _folds_to_identity(part):
    digest = hashlib.sha512(os.urandom(32))
    for _, _, data in part:
        digest.update(hashlib.sha512(data).digest())
    stream = hashlib.shake_256(digest.digest()).digest(16 * 5 * len(part))
    weights = (int.from_bytes(stream[i : i + 16], "little") for i in range(0, len(stream), 16))
    shared, scalars, points = {}, [], []
    for _, checks, _ in part:
        for terms in checks:
            weight = next(weights)
            for scalar, point in terms:
                # Points are told apart by identity of the object: generators and keys are shared by all ballots.
                held = shared.get(id(point))
                shared[id(point)] = (point, weight * scalar + (held[1] if held else 0))
    for point, scalar in shared.values():
        points.append(point)
        scalars.append(scalar)
    return combination(scalars, points).is_identity()
