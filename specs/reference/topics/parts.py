"""Vectors of encoding.md, messages in parts."""

import base64
import json

from veritally import sample
from veritally.encoding import to_base64
from veritally.record import Rejection


def split_messages():
    """A trustee's message in parts: in an election whose reveals are longer than a chunk."""
    held = sample.contest("large", sample.choice(high=400, low=0), [f"s{i}" for i in range(400)])
    e = sample.Election("parts", n=2, contests=[held], styles={"large": ["large"]}).setup()
    e.draw_polynomials()
    for trustee in (1, 2):
        e.append(e.commit(trustee))
    start, message = e.record, e.reveal(1)
    zero, one = (json.loads(d) for d in e.parts(1, message, force=True))

    def signed(value, signer=1, **changed):
        value = {k: v for k, v in {**value, **changed}.items() if k != "signature"}
        return e.signed(value, e.identity[signer - 1])

    entries = [*e.entries]
    cases = []

    def case(kind, name, *tail):
        sequence = [0, 1, 2]
        for data in tail:
            if data not in entries:
                entries.append(data)
            sequence.append(entries.index(data))
        record, verdict = start.copy(), None
        for position, index in enumerate(sequence):
            if position < 3:
                continue
            try:
                record.apply(entries[index])
            except Rejection as rejection:
                verdict = {"check": rejection.check, "code": rejection.code}
                assert position + 1 == len(sequence), (name, str(rejection))
        assert (kind == "refused") == (verdict is not None), name
        complete = {"revealed": 1 in record.messages["trustee-reveal"]} if verdict is None else verdict
        cases.append({"kind": kind, "name": name, "sequence": sequence, **complete})

    first, last = signed(zero), signed(one)
    case("admitted", "a message in two parts", first, last)
    case("admitted", "its first part", first)
    case("admitted", "part 0 begins anew", first, first, last)
    case("admitted", "the message whole", message)
    case("refused", "the last part first", last)
    case("refused", "the last part twice", first, last, last)
    case("refused", "part 0 after the message", first, last, first, last)
    case("refused", "a message that was whole already", message, first, last)
    case("refused", "a last part of another message", first, signed(one, message="00" * 32))
    case("refused", "another number of parts", first, signed(one, parts=3))
    case("refused", "a part beyond the last", first, signed(one, part=2))
    case("refused", "one part of one", signed(one, part=0, parts=1))
    case("refused", "no parts", signed(one, part=0, parts=0))
    case("refused", "a short part that is not the last", signed(one, part=0))
    case("refused", "an empty last part", first, signed(one, chunk=""))
    altered = bytearray(base64.b64decode(one["chunk"]))
    altered[0] ^= 1
    case("refused", "parts that do not add up to the message", first, signed(one, chunk=to_base64(bytes(altered))))
    case("refused", "a part signed by another trustee", first, signed(one, 2))
    other = signed(zero, type="trustee-shares-part/v1")
    case("refused", "parts of two types", other, last)
    case("refused", "a part of decryption shares in setup", signed(zero, type="decryption-share-part/v1"))
    case("refused", "a part of a message that is not split", signed(zero, type="opening-part/v1"))
    most = 8 * (1_000 + 47 * 400 * 2) // len(base64.b64decode(zero["chunk"]))
    case("refused", "more parts than all messages need", *[first] * (most + 1))
    case("refused", "a part of another type than the message", first, signed(one, type="trustee-shares-part/v1"))
    case("refused", "another trustee's message", signed(zero, 2, trustee=2), signed(one, 2, trustee=2))
    about = (
        "encoding.md: messages in parts. `sequence` are indexes of `entries`; all but the last are admitted, and the last is "
        "refused or admitted as `kind` says; `revealed`: whether the message took effect."
    )
    return {"about": about, "entries": [d.decode() for d in entries], "cases": cases}
