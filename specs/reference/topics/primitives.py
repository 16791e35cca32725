"""Vectors of section 1 and of encoding.md: group, hashes, transcripts, encodings, canonical JSON, signatures."""

from veritally import curve, ed25519
from veritally.encoding import Variable, canonical, labelled_hash, signed_bytes, to_base64
from veritally.group import G, Q, encode_scalar, generator_g, generator_h
from veritally.sample import Draw
from veritally.transcript import Transcript


def generators():
    cases = [{"kind": "generator", "name": "H", "generator": "H", "index": 0, "point": generator_h().encode().hex()}]
    for i in range(5):
        point = generator_g(i).encode().hex()
        cases.append({"kind": "generator", "name": f"G_{i}", "generator": "G", "index": i, "point": point})
    return {"about": "protocol.md section 1: the generators H and G_i.", "cases": cases}


def hashing():
    point, digest = (7 * G).encode(), bytes(range(32))
    wanted = {
        "no items": ("empty", []),
        "an integer is 8 bytes little-endian": ("integers", [{"u64": 1}, {"u64": 2**53 - 1}]),
        "a string has its length before it": ("strings", [{"string": "ab"}, {"string": "c"}]),
        "the same letters apart hash differently": ("strings", [{"string": "a"}, {"string": "bc"}]),
        "a string beyond ASCII counts bytes": ("strings", [{"string": "für"}]),
        "a variable byte string has its length before it": ("bytes", [{"bytes": bytes(16).hex()}]),
        "points and hashes are their 32 bytes": ("fixed", [{"point": point.hex()}, {"hash": digest.hex()}]),
        "all together": ("all", [{"hash": digest.hex()}, {"u64": 3}, {"string": "style"}, {"point": point.hex()}]),
    }
    cases = []
    for name, (label, items) in wanted.items():
        values = [_item(item) for item in items]
        result = labelled_hash(label, *values).hex()
        cases.append({"kind": "hash", "name": name, "label": label, "items": items, "hash": result})
    return {"about": "protocol.md section 1: hash(label, items…).", "cases": cases}


def _item(item):
    ((kind, value),) = item.items()
    match kind:
        case "u64" | "string":
            return value
        case "bytes":
            return Variable(bytes.fromhex(value))
    return bytes.fromhex(value)


def transcripts():
    points = [(i * G).encode().hex() for i in (1, 2, 3)]
    wanted = {
        "nothing appended": [],
        "an integer": [{"label": "counter", "u64": 258}],
        "a string is its bytes, without length": [{"label": "style", "string": "full"}],
        "a list of points is one message": [{"label": "keys", "points": points}],
        "points one by one are other messages": [{"label": "keys", "points": [p]} for p in points],
        "a message longer than the rate": [{"label": "masked", "bytes": bytes(range(256)).hex() * 2}],
        "a message of exactly the rate": [{"label": "masked", "bytes": bytes(166).hex()}],
    }
    cases = []
    for name, appended in wanted.items():
        t = Transcript("test")
        for message in appended:
            t.append(message["label"], _message(message))
        challenge = {"challenge": encode_scalar(t.challenge("c")).hex(), "mask": t.challenge_bytes("mask", 200).hex()}
        cases.append({"kind": "transcript", "name": name, "protocol": "test", "append": appended, **challenge})
    about = "protocol.md section 1: transcript(name), append, then challenge(\"c\"), then 200 bytes challenge_bytes(\"mask\")."
    return {"about": about, "cases": cases}


def _message(message):
    if "points" in message:
        return b"".join(map(bytes.fromhex, message["points"]))
    if "bytes" in message:
        return bytes.fromhex(message["bytes"])
    return message.get("u64", message.get("string"))


# Small-order points of edwards25519 in Ed25519's encoding: orders 1, 2, 4, 8.
SMALL_ORDER = {
    "order 1": "01" + "00" * 31,
    "order 2": "ec" + "ff" * 30 + "7f",
    "order 4": "00" * 32,
    "order 8": "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
}


def encodings():
    points = {
        "the identity": (0 * G).encode(),
        "the basepoint": G.encode(),
        "some multiple": (2**200 * G).encode(),
    }
    bad_points = {
        "not reduced modulo p": (curve.P + 2).to_bytes(32, "little"),
        "the highest bit is set": G.encode()[:31] + bytes([G.encode()[31] | 0x80]),
        "negative": bytes([1]) + bytes(31),
        "not on the curve": bytes.fromhex("26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371"),
        "y is zero": bytes.fromhex("ec" + "ff" * 30 + "7f"),
        "the Ed25519 encoding of the basepoint": bytes.fromhex("58" + "66" * 31),
        "31 bytes": G.encode()[:31],
        "33 bytes": G.encode() + b"\0",
    }
    scalars = {"zero": 0, "one": 1, "q - 1": Q - 1}
    bad_scalars = {"q": Q, "q + 1": Q + 1, "2^255": 2**255, "all ones": 2**256 - 1}
    cases = [{"kind": "point", "name": n, "bytes": b.hex(), "identity": n == "the identity"} for n, b in points.items()]
    cases += [{"kind": "bad-point", "name": n, "bytes": b.hex()} for n, b in bad_points.items()]
    cases += [{"kind": "scalar", "name": n, "bytes": s.to_bytes(32, "little").hex()} for n, s in scalars.items()]
    cases += [{"kind": "bad-scalar", "name": n, "bytes": s.to_bytes(32, "little").hex()} for n, s in bad_scalars.items()]
    return {"about": "protocol.md section 1: points and scalars decode canonically only.", "cases": cases}


def canonical_forms():
    good = canonical({"ballots": 1, "digest": "00" * 32, "time_ms": 2**53 - 1, "tree_size": 5, "type": "tally-head/v1"}).decode()
    signature = to_base64(bytes(64))
    tail = f'"signature":"{signature}","time_ms":1,"type":"abandonment/v1"}}'
    abandonment = '{"administrator":1,"reason":"%s",' + tail
    cases = []

    def case(name, data, holds=False):
        kind = "entry" if holds else "bad-entry"
        text = {"text": data} if isinstance(data, str) else {"hex": data.hex()}
        cases.append({"kind": kind, "name": name, **text})

    case("a tally head", good, True)
    case("the shortest escapes of RFC 8785", abandonment % '\\"\\\\\\b\\f\\n\\r\\t\\u0001/é€😀\x7f', True)
    case("white space", good.replace(",", ", "))
    case("a newline at the end", good + "\n")
    case("a byte order mark", "\ufeff" + good)
    case("members out of order", '{"type":"tally-head/v1",' + good[1:].replace(',"type":"tally-head/v1"', ""))
    case("a member twice", good.replace('"ballots":1', '"ballots":1,"ballots":1'))
    case("an unknown member", good.replace('"ballots"', '"a":1,"ballots"'))
    case("a missing member", good.replace('"ballots":1,', ""))
    case("an unknown type", good.replace("tally-head/v1", "tally-foot/v1"))
    case("another version", good.replace("tally-head/v1", "tally-head/v2"))
    case("no type", good.replace(',"type":"tally-head/v1"', ""))
    case("a float", good.replace('"ballots":1', '"ballots":1.0'))
    case("an exponent", good.replace('"ballots":1', '"ballots":1e0'))
    case("a negative integer", good.replace('"ballots":1', '"ballots":-1'))
    case("minus zero", good.replace('"ballots":1', '"ballots":-0'))
    case("a leading zero", good.replace('"ballots":1', '"ballots":01'))
    case("an integer of 2^53", good.replace(str(2**53 - 1), str(2**53)))
    case("null", good.replace('"ballots":1', '"ballots":null'))
    case("a string for an integer", good.replace('"ballots":1', '"ballots":"1"'))
    case("upper-case hex", good.replace("00" * 32, "00" * 31 + "0A"))
    case("a short hash", good.replace("00" * 32, "00" * 31))
    case("an array", "[]")
    case("nothing", "")
    case("an object that goes on", good + "{}")
    case("not UTF-8", good.encode().replace(b"tally", b"t\xffally"))
    case("a long escape", abandonment % "\\u0009")
    case("an escaped slash", abandonment % "\\/")
    case("an escape of a plain letter", abandonment % "\\u0041")
    case("upper-case escape digits", abandonment % "\\u001F")
    case("a lone surrogate", abandonment % "\\ud800")
    case("a raw control character", abandonment % "\x01")
    case("base64 without padding", abandonment.replace(signature, signature.rstrip("=")) % "x")
    case("base64 with set trailing bits", abandonment.replace("A==", "B==") % "x")
    case("base64 of another alphabet", abandonment.replace("AAAA", "AA-A", 1) % "x")
    case("base64 with a newline", abandonment.replace(signature, signature[:76] + "\\n" + signature[76:]) % "x")
    case("65,536 bytes", abandonment % ("x" * (65_536 - len(abandonment % ""))))
    return {"about": "encoding.md: one way to write an entry; everything else is refused.", "cases": cases}


def signatures():
    draw = Draw("signatures")
    seed, other, fingerprint = draw.bytes(), draw.bytes(), draw.bytes()
    value = {"administrator": 1, "reason": "a reason", "time_ms": 5, "type": "abandonment/v1"}
    key = ed25519.public_key(seed)
    signature = ed25519.sign(seed, signed_bytes(fingerprint, value))
    cases = []

    def entry(name, signature=signature, holds=False, fingerprint=fingerprint, key=key, **changed):
        data = canonical({**value, **changed, "signature": to_base64(signature)}).decode()
        kind = "signed-entry" if holds else "bad-signed-entry"
        cases.append({"kind": kind, "name": name, "fingerprint": fingerprint.hex(), "key": key.hex(), "entry": data})

    entry("an abandonment", holds=True)
    entry("an altered member", reason="another reason")
    entry("another election", fingerprint=other)
    entry("another key", key=ed25519.public_key(other))
    entry("the entry signed without label and fingerprint", ed25519.sign(seed, canonical(value)))
    entry("a flipped bit", bytes([signature[0] ^ 1]) + signature[1:])

    s = int.from_bytes(signature[32:], "little")
    entry("S is not reduced", signature[:32] + (s + Q).to_bytes(32, "little"))
    # With R the neutral element and S = k·a the plain equation holds; strict verification refuses it.
    message = b"message"
    scalar, _ = ed25519._expand(seed)
    neutral = (1).to_bytes(32, "little")
    k = ed25519._hash_scalar(neutral, key, message)
    small_r = neutral + (k * scalar % Q).to_bytes(32, "little")
    good = ed25519.sign(seed, message)

    def plain(name, key, signature, holds=False):
        kind = "ed25519" if holds else "bad-ed25519"
        cases.append(
            {"kind": kind, "name": name, "key": key.hex(), "message": message.hex(), "signature": signature.hex()}
        )

    plain("a signature", key, good, True)
    plain("R of small order", key, small_r)
    for order, encoded in SMALL_ORDER.items():
        plain(f"a key of {order}", bytes.fromhex(encoded), neutral + bytes(32))
    # A torsion component in R passes the equation with the cofactor only.
    torsion = ed25519._decode(bytes.fromhex(SMALL_ORDER["order 8"]))
    nonce = draw.scalar()
    mixed = ed25519._encode(curve.add(curve.multiply(nonce, curve.BASE), torsion))
    k = ed25519._hash_scalar(mixed, key, message)
    plain("the equation holds with the cofactor only", key, mixed + ((nonce + k * scalar) % Q).to_bytes(32, "little"))
    about = "protocol.md section 1: signatures of officials, and strict Ed25519."
    return {"about": about, "cases": cases}
