"""Who may vote: entries about the roll and re-issued credentials that break a rule."""

import base64

from veritally.encoding import labelled_hash, to_base64
from veritally.group import G, IDENTITY, Point
from veritally.sample import answer, text


def rolls(f, e):
    part, second, roll = f.at("roll-part"), f.at("roll-part", 1), f.at("roll")
    lines = f.value(part)["entries"]
    signed = lambda index, **changed: e.signed(f.value(index, **changed), e.seeds["registrar"])  # noqa: E731

    def lines_case(name, lines):
        f.refused(name, part, signed(part, entries=lines))

    f.refused("a roll part signed by an administrator", part, e.signed(f.value(part), e.seeds["administrator"]))
    f.refused("a roll part out of order", part, signed(part, part=1))
    f.refused("a roll part twice", second, e.entries[part])
    lines_case("an empty roll part", [])
    lines_case("credentials out of order", [lines[1], lines[0], *lines[2:]])
    lines_case("a credential twice", [lines[0], lines[0], *lines[1:]])
    f.refused("a credential twice in two parts", second, signed(second, entries=[lines[-1], *f.value(second)["entries"]]))
    lines_case("a credential that is the identity", [{**lines[0], "credential": to_base64(IDENTITY.encode())}, *lines[1:]])
    lines_case("a credential that is no point", [*lines[:-1], {**lines[-1], "credential": to_base64(b"\xff" * 32)}])
    lines_case("an unknown ballot style", [{**lines[0], "style": "other"}, *lines[1:]])
    lines_case("an unknown group", [{**lines[0], "group": "other"}, *lines[1:]])
    lines_case("a weight of zero", [{**lines[0], "weight": 0}, *lines[1:]])
    lines_case("more weight than the manifest allows", [{**lines[0], "weight": 1_000}, *lines[1:]])
    f.refused("a roll signed by an administrator", roll, e.signed(f.value(roll), e.seeds["administrator"]))
    f.refused("a roll with another count", roll, signed(roll, count=9))
    f.refused("a roll with another weight", roll, signed(roll, total_weight=9))
    f.refused("a roll with another number of parts", roll, signed(roll, parts=3))
    f.refused("a roll with another hash", roll, signed(roll, hash="00" * 32))
    f.refused("a roll before its last part", second, e.entries[roll])
    none = labelled_hash("roll", e.fingerprint, 0)
    f.refused("an empty roll", part, e.by_registrar("roll", count=0, hash=none.hex(), parts=0, total_weight=0))
    f.refused("a roll part after the roll", roll + 1, e.entries[second])
    f.refused("a second roll", roll + 1, e.entries[roll])
    f.refused("a roll part while open", f.at("ballot"), e.entries[second])


# Two multiples of G with the same public id, found among 110 million.
CLASH = (198_173_236, 176_978_888)


def reissues(f, e):
    """After the roll of the sample stands a re-issue for voter 2."""
    roll, done = f.at("roll"), f.at("reissue") + 1
    ballot, closing = f.at("ballot"), f.at("closing")
    key, new, other = e.credentials[1]["key"], e.draw.scalar() * G, e.draw.scalar() * G
    replaced = Point.decode(base64.b64decode(f.value(done - 1)["old"]))

    def case(name, after, old, new, *before):
        f.refused(name, after, *before, e.reissue_entry(old, new))

    f.admitted("a re-issue", done, e.reissue_entry(key, new), phase="setup")
    f.admitted("a re-issue while open", ballot, e.reissue_entry(key, new), phase="open")
    f.admitted("a re-issue of a re-issued credential", ballot, e.reissue_entry(key, new), e.reissue_entry(new, other), phase="open")
    case("a re-issue before the roll", roll, key, new)
    signed = e.signed({"new": text(new), "old": text(key), "time_ms": 1, "type": "reissue/v1"}, e.seeds["administrator"])
    f.refused("a re-issue signed by an administrator", done, signed)
    case("a re-issue for nobody", done, other, new)
    case("a re-issue of a replaced credential", done, replaced, new)
    case("a re-issue for one who has voted", ballot + 1, e.credentials[0]["key"], new)
    case("a re-issue for one who has published a spoiled ballot", ballot, e.credentials[0]["key"], new)
    case("a re-issue to the same credential", done, key, key)
    case("a re-issue to another voter's credential", done, key, e.credentials[3]["key"])
    case("a re-issue to a replaced credential", done, key, replaced)
    case("a re-issue to a credential that was issued to another", ballot, e.credentials[3]["key"], new, e.reissue_entry(key, new))
    case("a re-issue to the identity", done, key, IDENTITY)
    f.refused("a re-issue to no point", done, e.by_registrar("reissue", new=to_base64(b"\xff" * 32), old=text(key), time_ms=1))
    case("a re-issue after the closing", closing + 1, key, new)
    one, two = (scalar * G for scalar in CLASH)
    case("a re-issue to a credential with another's public id", done, e.credentials[3]["key"], two, e.reissue_entry(key, one))
    lines = [{"credential": text(k), "group": "north", "style": "full", "weight": 1} for k in (one, two)]
    lines.sort(key=lambda line: base64.b64decode(line["credential"]))
    part = f.at("roll-part")
    f.refused("two credentials with the same public id", part, e.by_registrar("roll-part", entries=lines, part=0))
    halves = [e.by_registrar("roll-part", entries=[line], part=i) for i, line in enumerate(lines)]
    f.refused("the same public id in two parts of the roll", part, *halves)
    old = {**e.credentials[1], "style": "full"}
    e.credentials.append(old)
    late = e.ballot(len(e.credentials) - 1, {"chair": answer("bo"), "board": answer("dee")}, counter=1, previous=bytes(32))
    f.refused("a ballot of a replaced credential", ballot, e.reissue_entry(key, new), late.entry_bytes())
    e.credentials.pop()
