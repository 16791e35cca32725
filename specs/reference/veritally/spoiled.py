"""Section 4.5: spoiled ballots that voters publish."""

from . import ballots
from .encoding import canonical, to_base64
from .group import encode_scalar
from .knowledge import holds, prove
from .transcript import Transcript


def transcript(context, fields, bits):
    """What the credential signs; `fields`: the entry's members, decoded."""
    t = Transcript("spoiled-ballot").append("fingerprint", context.fingerprint).append("ceremony", context.ceremony)
    for name in ("style", "credential", "counter", "previous", "seed"):
        t.append(name, fields[name])
    return t.append("bits", bytes(bits)).append("code", fields["code"])


def publish(context, credential, counter, previous, bits, seed, secret, v, **changed):
    """A `spoiled-ballot/v1` entry; `changed` members are signed as they are."""
    ballot, _ = ballots.encrypt(context, credential, counter, previous, bits, seed)
    fields = {
        "code": ballot.confirmation_code(context.fingerprint), "counter": counter, "credential": credential,
        "previous": previous, "seed": seed, "style": context.style, **changed,
    }  # fmt: skip
    proof = prove(transcript(context, fields, bits), secret, v)
    texts = {name: fields[name].hex() for name in ("code", "previous", "seed")}
    value = {
        **fields, **texts, "bits": "".join(map(str, bits)), "credential": to_base64(credential.encode()),
        "proof": {"v": to_base64(proof["v"].encode()), "z": to_base64(encode_scalar(proof["z"]))},
        "type": "spoiled-ballot/v1",
    }  # fmt: skip
    return canonical(value)


def opened(context, entry):
    """The ballot that seed and bits recompute to, or `BallotError`."""
    relation, text = context.relation, entry["bits"]
    if len(text) != relation.bits or set(text) - {"0", "1"}:
        raise ballots.BallotError("its bits are not as many zeros and ones as its style has")
    bits = [int(digit) for digit in text]
    if not holds(transcript(context, entry, bits), entry["credential"], entry["proof"]):
        raise ballots.BallotError("the credential did not sign it")
    if any(row.of(bits) != row.value for row in relation.public):
        raise ballots.BallotError("its bits break a rule of the ballot")
    ballot, _ = ballots.encrypt(context, entry["credential"], entry["counter"], entry["previous"], bits, entry["seed"])
    if ballot.confirmation_code(context.fingerprint) != entry["code"]:
        raise ballots.BallotError("seed and bits do not give its confirmation code")
    return ballot
