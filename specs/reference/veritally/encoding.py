"""encoding.md: canonical JSON, the shape of every log entry; and `hash(label, items…)` of protocol.md, section 1.

`parse_entry` turns bytes into an `Entry` whose points are `Point`s and whose scalars are integers, or raises `Malformed`.
"""

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass

from .group import DecodeError, Point, decode_scalar

MAX_ENTRY_BYTES = 65_535
MAX_STRING_BYTES = 4_096
MAX_INTEGER = 2**53 - 1
CHUNK_BYTES = 36_864
MAX_MESSAGE_BYTES = 16 * 2**20
MAX_TRUSTEES = 64
MAX_ADMINISTRATORS = 32
MAX_CASTS = 1_000


class Malformed(ValueError):
    """Bytes that are no entry of a log."""


class TooLong(Malformed):
    """More bytes than an entry may have."""


class UnknownType(Malformed):
    """A canonical object of no known type."""


class BadElement(Malformed):
    """A point or scalar of an otherwise well-formed entry that does not decode."""


# --- protocol.md, section 1: notation -------------------------------------------------------------------------------


def u64(value):
    """8 bytes little-endian; a negative weight as two's complement."""
    return (value % 2**64).to_bytes(8, "little")


def lp(data):
    return u64(len(data)) + data


@dataclass(frozen=True)
class Variable:
    """A byte string that `labelled_hash` prefixes with its length."""

    data: bytes


def labelled_hash(label, *items):
    """`hash(label, items…)`: integers as u64, strings and variable byte strings as lp, points and hashes as 32 bytes."""
    digest = hashlib.sha256(lp(b"veritally/v1/" + label.encode()))
    for item in items:
        match item:
            case int():
                digest.update(u64(item))
            case str():
                digest.update(lp(item.encode()))
            case Variable():
                digest.update(lp(item.data))
            case Point():
                digest.update(item.encode())
            case bytes():
                assert len(item) == 32, "a hash has 32 bytes"
                digest.update(item)
            case _:
                raise TypeError(type(item))
    return digest.digest()


def sha256(data):
    return hashlib.sha256(data).digest()


# --- encoding.md: canonical JSON ------------------------------------------------------------------------------------


def canonical(value):
    """The RFC 8785 bytes of a value of the restricted profile."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode()


def _object(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("a member occurs twice")
    return members


def _no_float(text):
    raise Malformed(f"not an integer: {text[:20]}")


def _check_values(value):
    match value:
        case bool() | str():
            pass
        case int():
            if not 0 <= value <= MAX_INTEGER:
                raise Malformed("an integer out of range")
        case list():
            for item in value:
                _check_values(item)
        case dict():
            for name, item in value.items():
                if not name.isascii():
                    raise Malformed("a member's name is not ASCII")
                _check_values(item)
        case _:
            raise Malformed("null")


def parse_json(data):
    """The object that these canonical bytes hold."""
    try:
        value = json.loads(
            data.decode(), object_pairs_hook=_object, parse_float=_no_float, parse_constant=_no_float
        )
        _check_values(value)
        again = canonical(value)
    except Malformed:
        raise
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Malformed("not an object")
    if again != data:
        raise Malformed("not canonical JSON")
    return value


# --- Shapes: a function from the JSON value to the checked value -----------------------------------------------------


def integer(low=0, high=MAX_INTEGER):
    def shape(value):
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Malformed(f"expected an integer from {low} to {high}")
        return value

    return shape


def boolean(value):
    if not isinstance(value, bool):
        raise Malformed("expected true or false")
    return value


def true(value):
    """A member that is left out when it is false."""
    if value is not True:
        raise Malformed("expected true, or no such member")
    return value


def text(value):
    """A string whose length the rules limit."""
    if not isinstance(value, str):
        raise Malformed("expected a string")
    return value


def string(value):
    if not isinstance(value, str) or len(value.encode()) > MAX_STRING_BYTES:
        raise Malformed("expected a string of at most 4,096 bytes")
    return value


_ID = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?", re.ASCII)


def identifier(value):
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise Malformed("expected an id")
    return value


def base64_bytes(length=None):
    def shape(value):
        if not isinstance(value, str):
            raise Malformed("expected base64")
        try:
            data = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise Malformed("expected base64") from None
        if to_base64(data) != value or length not in (None, len(data)):
            raise Malformed("base64 of another length or not canonical")
        return data

    return shape


def to_base64(data):
    return base64.b64encode(data).decode()


@dataclass(frozen=True)
class Undecodable:
    """What stands in an entry's fields where 32 bytes are no point or scalar: it is judged after the signature."""

    problem: str


def _element(decode):
    def shape(value):
        data = base64_bytes(32)(value)
        try:
            return decode(data)
        except DecodeError as error:
            return Undecodable(str(error))

    return shape


point = _element(Point.decode)
scalar = _element(decode_scalar)


def undecodable(value):
    """The name of the first member that does not decode, or None."""
    match value:
        case Undecodable():
            return value.problem
        case list():
            return next(filter(None, map(undecodable, value)), None)
        case dict():
            found = ((name, undecodable(member)) for name, member in value.items())
            return next((f"{name}: {problem}" for name, problem in found if problem), None)
    return None


key = base64_bytes(32)


@dataclass(frozen=True)
class Optional:
    """A member that may be missing: then None. An entry without its signature is refused as unsigned."""

    shape: object


signature = Optional(base64_bytes(64))


def hex_hash(value):
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{64}", value, re.ASCII):
        raise Malformed("expected 64 lower-case hex characters")
    return bytes.fromhex(value)


def array(item, low=0, high=None):
    def shape(value):
        if not isinstance(value, list) or len(value) < low or (high is not None and len(value) > high):
            raise Malformed("expected a list of another length")
        return [item(v) for v in value]

    return shape


def members(**shapes):
    """An object with exactly these members."""

    def shape(value):
        if not isinstance(value, dict):
            raise Malformed("expected an object")
        optional = {name for name, inner in shapes.items() if isinstance(inner, Optional)}
        wrong = (value.keys() ^ shapes.keys()) - (optional - value.keys())
        if wrong:
            raise Malformed(f"unknown or missing members: {', '.join(sorted(wrong))}")
        out = {}
        for name, inner in shapes.items():
            if isinstance(inner, Optional):
                inner = inner.shape if name in value else lambda _: None
            try:
                out[name] = inner(value.get(name))
            except Malformed as error:
                raise type(error)(f"{name}: {error}") from None
        return out

    return shape


def texts(value):
    """Language tag to text; that the tags are the manifest's languages is checked there."""
    if not isinstance(value, dict):
        raise Malformed("expected texts")
    return {string(tag): string(content) for tag, content in value.items()}


def rule(value):
    """A contest's rule: its members belong to its type (contests.py)."""
    from . import contests

    return contests.parse_rule(value)


head = members(root=hex_hash, tree_size=integer())
proof = members(v=point, z=scalar)
share_proof = members(v_base=point, v_pads=point, z=scalar)
# What a trustee posts in a decryption share is evidence even when it does not decode: it is decoded when it is verified.
encoded = base64_bytes(32)
encoded_proof = members(v_base=encoded, v_pads=encoded, z=encoded)
named = {"id": identifier, "name": texts}
officer = members(key=key, name=string)

MANIFEST = dict(
    administrators=array(members(held_by_board=boolean, key=key, name=string), 1, MAX_ADMINISTRATORS),
    agreement_quorum=integer(),
    ballot_styles=array(members(contests=array(identifier), **named)),
    casts_per_credential=integer(1, MAX_CASTS),
    contests=array(members(random_order=Optional(true), rule=rule, selections=array(members(**named)), **named)),
    description=texts,
    dispute_window_ms=integer(),
    election=identifier,
    floor=integer(),
    groups=array(members(**named), 1),
    languages=array(string, 1),
    log=members(key=key, origin=string),
    max_total_weight=integer(),
    name=texts,
    quorum=integer(),
    registrar=officer,
    schedule=members(closes_at_ms=integer(), opens_at_ms=integer()),
    trustees=array(members(encryption_key=point, identity_key=key, name=string, proof=proof), 1, MAX_TRUSTEES),
    weights_may_identify=boolean,
    witness_quorum=integer(),
    witnesses=array(officer),
)

BY_TRUSTEE = dict(signature=signature, trustee=integer())
BY_ADMINISTRATOR = dict(administrator=integer(), signature=signature, time_ms=integer())

# Entries of trustees that may be split into parts.
MESSAGES = {
    "trustee-commit/v1": members(attempt=integer(), hash=hex_hash, **BY_TRUSTEE),
    "trustee-reveal/v1": members(attempt=integer(), commitments=array(point), commits=hex_hash, proof=proof, **BY_TRUSTEE),
    "trustee-shares/v1": members(
        attempt=integer(),
        packages=array(members(ephemeral=point, masked=base64_bytes(), proof=proof, recipient=integer())),
        **BY_TRUSTEE,
    ),
    "trustee-confirm/v1": members(attempt=integer(), ceremony=hex_hash, **BY_TRUSTEE),
    "trustee-rehearsal/v1": members(attempt=integer(), proof=share_proof, shares=array(point), **BY_TRUSTEE),
    "decryption-share/v1": members(
        contests=array(members(contest=identifier, proof=encoded_proof, shares=array(array(encoded)))), head=head, **BY_TRUSTEE
    ),
}
_PART = members(
    chunk=base64_bytes(), message=hex_hash, part=integer(), parts=integer(), **BY_TRUSTEE
)

def exclusion_reason(value):
    if value not in ("absent", "fault"):
        raise Malformed("expected absent or fault")
    return value


ENTRIES = {
    "manifest/v1": members(**MANIFEST),
    **MESSAGES,
    "trustee-complaint/v1": members(attempt=integer(), dealer=integer(), proof=share_proof, shared=point, **BY_TRUSTEE),
    "ceremony-restart/v1": members(
        attempt=integer(), excluded=array(members(reason=exclusion_reason, trustee=integer())), **BY_ADMINISTRATOR
    ),
    **{name.replace("/v1", "-part/v1"): _PART for name in MESSAGES},
    "roll-part/v1": members(
        entries=array(members(credential=point, group=identifier, style=identifier, weight=integer())),
        part=integer(),
        signature=signature,
    ),
    "roll/v1": members(
        count=integer(), hash=hex_hash, parts=integer(), signature=signature, total_weight=integer()
    ),
    "reissue/v1": members(new=point, old=point, signature=signature, time_ms=integer()),
    "opening/v1": members(ceremony=hex_hash, roll=hex_hash, **BY_ADMINISTRATOR),
    "ballot/v1": members(
        a=point, bits=point, counter=integer(), credential=point, data=array(point), e_data=point, e_pad=point,
        f=array(scalar), pad=point, previous=hex_hash, s=point, style=identifier, t=point, v=point,
        z_1=scalar, z_2=scalar, z_3=scalar, z_4=scalar,
    ),
    "spoiled-ballot/v1": members(
        bits=text, code=hex_hash, counter=integer(), credential=point, previous=hex_hash, proof=proof, seed=hex_hash,
        style=identifier,
    ),
    "tally-head/v1": members(ballots=integer(), digest=hex_hash, time_ms=integer(), tree_size=integer()),
    "extension/v1": members(closes_at_ms=integer(), **BY_ADMINISTRATOR),
    "closing/v1": members(**BY_ADMINISTRATOR),
    "agreement/v1": members(head=head, time_ms=integer(), **BY_TRUSTEE),
    "result/v1": members(
        contests=array(
            members(
                cells=array(members(counts=array(integer()), groups=array(identifier))), contest=identifier, withheld=boolean
            )
        ),
        **BY_ADMINISTRATOR,
    ),
    "abandonment/v1": members(reason=text, **BY_ADMINISTRATOR),
}  # fmt: skip


@dataclass
class Entry:
    """A parsed entry: `type` without `/v1`, its checked members as `fields`, the JSON value, the bytes."""

    type: str
    fields: dict
    value: dict
    data: bytes

    def __getitem__(self, name):
        return self.fields[name]

    @property
    def hash(self):
        return sha256(self.data)

    def decoded(self):
        """This entry, if all its points and scalars decode."""
        if problem := undecodable(self.fields):
            raise BadElement(problem)
        return self


def parse_entry(data, shapes=ENTRIES, limit=MAX_ENTRY_BYTES):
    """The entry that these bytes are."""
    if limit is not None and len(data) > limit:
        raise TooLong("longer than 65,535 bytes")
    value = parse_json(data)
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in shapes:
        raise UnknownType("no such type of entry")
    fields = shapes[kind]({name: v for name, v in value.items() if name != "type"})
    return Entry(kind.removesuffix("/v1"), fields, value, data)


def signed_bytes(fingerprint, value):
    """What an official's signature covers (protocol.md, section 1)."""
    unsigned = {name: v for name, v in value.items() if name != "signature"}
    return lp(b"veritally/v1/signature") + fingerprint + sha256(canonical(unsigned))
