"""Vectors of section 2: a whole record, and for every rule an entry that breaks it."""

import base64
import json
from dataclasses import replace

from veritally import sample
from veritally.encoding import canonical, labelled_hash, sha256, to_base64
from veritally.group import G, IDENTITY, Point
from veritally.record import Record, Rejection
from veritally.sample import CLOSES, OPENS, answer, text


class Faults:
    """Collects the refused entries; each is judged by the state that the entries before it lead to."""

    def __init__(self, election):
        self.e, self.cases = election, []
        self.types = [json.loads(d)["type"].removesuffix("/v1") for d in election.entries]
        self.states = [Record()]
        for data in election.entries:
            self.states.append(self.states[-1].copy())
            self.states[-1].apply(data)

    def after(self, count, entries):
        """The state after the first `count` entries of the record and these."""
        record = self.states[count].copy()
        for data in entries:
            record.apply(data)
        return record

    def at(self, kind, nth=0):
        """The index of the nth entry of this type."""
        return [i for i, t in enumerate(self.types) if t == kind][nth]

    def value(self, index, **changed):
        value = {k: v for k, v in json.loads(self.e.entries[index]).items() if k != "signature"}
        return {**value, **changed}

    def refused(self, name, after, *entries):
        """After the first `after` entries all of `entries` but the last are admitted; the last is refused."""
        record = self.after(after, entries[:-1])
        try:
            record.apply(entries[-1])
        except Rejection as rejection:
            verdict = {"check": rejection.check, "code": rejection.code}
        else:
            raise AssertionError(f"admitted: {name}")
        self.cases.append({"kind": "refused", "name": name, "after": after, "entries": [d.decode() for d in entries], **verdict})

    def admitted(self, name, after, *entries, phase):
        record = self.after(after, entries)
        assert record.phase == phase, (name, record.phase)
        evidence = len(record.bad_shares)
        self.cases.append(
            {"kind": "admitted", "name": name, "after": after, "entries": [d.decode() for d in entries], "phase": phase, "bad_shares": evidence}
        )


def whole_record():
    e = sample.sample_election()
    f = Faults(e)
    record, phases = f.states[-1], [state.phase for state in f.states[1:]]
    result = json.loads(e.entries[-1])["contests"]
    head = record.closing_head
    f.cases.append(
        {
            "kind": "record",
            "name": "a whole election",
            "fingerprint": e.fingerprint.hex(),
            "phases": phases,
            "roll": record.roll_hash.hex(),
            "ballots_cast": record.ballots_cast,
            "ballots_counted": record.tally.ballots,
            "ballots_spoiled": record.ballots_spoiled,
            "credentials_reissued": record.credentials_reissued,
            "tally": record.tally.digest().hex(),
            "closing_head": {"root": head["root"].hex(), "tree_size": head["tree_size"]},
            "root": record.tree.root().hex(),
            "counts": result,
        }
    )
    for section in (_setup, _rolls, _reissues, _openings, _ballots, _spoiled, _closings, _agreements, _shares, _results, _everywhere):
        section(f, e)
    about = (
        "protocol.md section 2: `entries` are a whole record. After its first `after` entries all of a case's entries but the "
        "last are admitted; the last is refused (kind refused: `check` of verification.md, `code` of protocol.md section 2) or "
        "admitted too (kind admitted)."
    )
    return {"about": about, "entries": [d.decode() for d in e.entries], "cases": f.cases}


def _everywhere(f, e):
    end = len(e.entries)
    f.refused("a second manifest", 1, e.entries[0])
    f.refused("an entry after the result", end, e.by_administrator("abandonment", reason="late", time_ms=1))
    gone = e.by_administrator("abandonment", reason="flood", time_ms=1)
    f.admitted("abandoned while open", f.at("closing"), gone, phase="abandoned")
    f.refused("an entry after the abandonment", f.at("closing"), gone, e.entries[f.at("closing")])
    f.refused("an abandonment without a reason", 1, e.by_administrator("abandonment", reason="", time_ms=1))
    f.refused("an abandonment with a blank reason", 1, e.by_administrator("abandonment", reason=" \n", time_ms=1))
    f.refused("an abandonment with too long a reason", 1, e.by_administrator("abandonment", reason="x" * 4_097, time_ms=1))
    value = {"administrator": 2, "reason": "x", "time_ms": 1, "type": "abandonment/v1"}
    f.refused("an unknown administrator", 1, e.signed(value, e.seeds["administrator"]))
    f.refused("administrator zero", 1, e.signed({**value, "administrator": 0}, e.seeds["administrator"]))
    f.refused("signed by the registrar for an administrator", 1, e.signed({**value, "administrator": 1}, e.seeds["registrar"]))
    f.refused("an administrator's entry without a signature", 1, canonical({**value, "administrator": 1}))
    f.refused("an entry that is not canonical", 1, e.entries[1] + b" ")
    f.refused("an entry that is too long", 1, b" " * 65_536)
    f.refused("an entry of an unknown type", 1, b'{"type":"secret/v1"}')


def _setup(f, e):
    ballot, closing, head = f.at("ballot"), f.at("closing"), f.at("tally-head")
    for name, index in (
        ("a ballot", ballot), ("a tally head", head), ("a closing", closing), ("an agreement", f.at("agreement")),
        ("decryption shares", f.at("decryption-share")), ("a result", f.at("result")),
    ):  # fmt: skip
        f.refused(f"{name} during setup", 1, e.entries[index])
    f.refused("a ceremony message while open", ballot, e.entries[1])
    f.refused("a ceremony message of an unknown trustee", 1, e.signed(f.value(1, trustee=4), e.identity[0]))
    f.refused("a ceremony message signed by another trustee", 1, e.signed(f.value(1), e.identity[1]))
    f.refused("a ceremony message out of order", 2, e.entries[f.at("trustee-reveal")])


def _rolls(f, e):
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


def _reissues(f, e):
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


def _spoiled(f, e):
    """Voter 0 publishes a spoiled ballot before its first one; voter 1 has cast one ballot at the end."""
    first, closing, opening = f.at("ballot"), f.at("closing"), f.at("opening")
    filled, zero = {"chair": answer("bo"), "board": answer("dee")}, bytes(32)

    def made(voter=3, counter=1, previous=zero, **more):
        return e.spoiled(voter, filled, counter=counter, previous=previous, **more)

    f.admitted("a published spoiled ballot", first, made(), phase="open")
    f.admitted("several of one credential", first, made(), made(), phase="open")
    last = sha256(e.entries[first])
    f.admitted("one for the credential's next ballot", first + 1, made(0, 2, last), phase="open")
    f.refused("a spoiled ballot before the opening", opening, made())
    f.refused("a spoiled ballot after the closing", closing + 1, made())
    f.refused("a spoiled ballot twice", first + 1, e.entries[f.at("spoiled-ballot")])
    again = made()
    f.refused("the same spoiled ballot again", first, again, again)
    f.refused("a spoiled ballot under a counter that was cast", first + 1, made(0, 1, zero))
    f.refused("a spoiled ballot with another previous one", first + 1, made(0, 2, zero))
    f.refused("a spoiled ballot signed by another voter", first, made(secret=e.credentials[1]["secret"]))
    f.refused("a spoiled ballot with another code", first, made(code=zero))
    f.refused("a spoiled ballot of another style", first, made(style="short"))
    f.refused("a spoiled ballot that breaks a rule", first, made(bits=[1, 1, 0, 1, 0, 1, 0, 0]))
    f.refused("a spoiled ballot with a bit too many", first, made(bits=[1, 0, 0, 1, 0, 1, 0, 0, 0]))
    value = json.loads(made())
    f.refused("a spoiled ballot with other digits", first, canonical({**value, "bits": value["bits"].replace("1", "2")}))
    f.refused("a spoiled ballot with other selections", first, canonical({**value, "bits": "01010100"}))
    f.refused("a spoiled ballot with another seed", first, canonical({**value, "seed": "00" * 32}))
    f.refused("a spoiled ballot in another's name", first, canonical({**value, "credential": text(e.credentials[1]["key"])}))
    f.refused("a spoiled ballot whose credential is no point", first, canonical({**value, "credential": to_base64(b"\xff" * 32)}))
    stranger = dict(e.credentials[3], secret=5, key=5 * G)
    e.credentials.append(stranger)
    f.refused("a spoiled ballot by nobody on the roll", first, made(len(e.credentials) - 1))
    e.credentials.pop()
    reissue = e.reissue_entry(e.credentials[3]["key"], e.draw.scalar() * G)
    f.refused("a spoiled ballot of a replaced credential", first, reissue, made())
    beyond = [made() for _ in range(e.manifest.casts_per_credential + 11)]
    f.refused("more spoiled ballots than allowed", first, *beyond)
    seed = e.draw.bytes()
    cast = e.ballot(3, filled, counter=1, previous=zero, seed=seed).entry_bytes()
    f.refused("a ballot that was published as spoiled", first, made(seed=seed), cast)


def _openings(f, e):
    opening, roll = f.at("opening"), f.at("roll")
    signed = lambda **changed: e.signed(f.value(opening, **changed), e.seeds["administrator"])  # noqa: E731
    f.refused("an opening before the roll", roll, e.entries[opening])
    rehearsals = [i for i, t in enumerate(f.types) if t == "trustee-rehearsal"]
    without = [d for i, d in enumerate(e.entries[rehearsals[-1] + 1 : opening])]
    f.refused("an opening before the last rehearsal", rehearsals[-1], *without, e.entries[opening])
    f.refused("an opening on another ceremony", opening, signed(ceremony="00" * 32))
    f.refused("an opening on another roll", opening, signed(roll="00" * 32))
    f.refused("an opening before its time", opening, signed(time_ms=OPENS - 1))
    f.refused("an opening after the end of voting", opening, signed(time_ms=CLOSES))
    f.refused("an opening signed by a trustee", opening, e.signed(f.value(opening), e.identity[0]))
    f.refused("a second opening", opening + 1, e.entries[opening])
    f.admitted("an opening just before the end of voting", opening, signed(time_ms=CLOSES - 1), phase="open")


def _ballots(f, e):
    """The sample's first ballots are of voters 0, 1, 4, 6 and again 0."""
    first, again = f.at("ballot"), f.at("ballot", 4)
    context = e.record.contexts["full"]
    filled = {"chair": answer("bo"), "board": answer("dee")}

    def made(voter, counter, previous, **more):
        return e.ballot(voter, filled, counter=counter, previous=previous, **more)

    zero, last = bytes(32), sha256(e.entries[first])
    f.refused("a ballot again", first + 1, e.entries[first])
    f.refused("an old ballot after a newer one", again + 1, e.entries[first])
    f.refused("a counter that skips one", first, made(0, 2, zero).entry_bytes())
    f.refused("a counter of zero", first, made(0, 0, zero).entry_bytes())
    f.refused("a first ballot with a previous one", first, made(0, 1, last).entry_bytes())
    f.refused("a second ballot without the previous one", first + 1, made(0, 2, zero).entry_bytes())
    f.refused("a second ballot after another previous one", first + 1, made(0, 2, bytes([1]) * 32).entry_bytes())
    third = made(0, 3, sha256(e.entries[again])).entry_bytes()
    fourth = made(0, 4, sha256(third)).entry_bytes()
    f.refused("more casts than allowed", again + 1, third, fourth)
    stranger = dict(e.credentials[0], secret=5, key=5 * G)
    e.credentials.append(stranger)
    f.refused("a credential that is not on the roll", first, made(len(e.credentials) - 1, 1, zero).entry_bytes())
    e.credentials.pop()
    short = e.ballot(0, {"board": answer("dee")}, counter=1, previous=zero, style="short")
    f.refused("a ballot of another style", first, short.entry_bytes())

    seed = e.draw.bytes()
    pad = made(1, 1, zero, seed=seed)
    # The nonces are bound to the credential, so a repeated pad needs a voter who takes another's nonce.
    from veritally import ballots

    voter, other = e.credentials[1], e.credentials[2]
    bits = context.relation.encode([filled["chair"], filled["board"]])
    unproved, (r, s) = ballots.encrypt(context, other["key"], 1, zero, bits, e.draw.bytes())
    r, _ = ballots.ballot_nonces(seed, e.fingerprint, "full", voter["key"], 1, bits)
    data = [row.of(bits) * G + r * key for row, key in zip(context.relation.secret, context.style_keys())]
    copy = ballots.prove(context, replace(unproved, pad=r * G, data=data), bits, (r, s), other["secret"], e.draw.scalar)
    f.refused("a pad that occurred before", first, pad.entry_bytes(), copy.entry_bytes())
    f.refused("a copied ballot with one's own credential", first + 1, replace(pad, credential=other["key"]).entry_bytes())
    overvote = made(0, 1, zero, bits=[1, 1, 0, 1, 0, 1, 0, 0])
    f.refused("an overvote", first, overvote.entry_bytes())
    f.refused("a ballot of an unknown style", first, replace(pad, style="other").entry_bytes())
    f.refused("a pad that is the identity", first, replace(pad, pad=IDENTITY).entry_bytes())
    f.refused("a ballot after the closing", f.at("closing") + 1, third)


def _closings(f, e):
    ballot, head, closing = f.at("ballot"), f.at("tally-head"), f.at("closing")
    value = f.value(head)
    signed = lambda index, **changed: e.signed(f.value(index, **changed), e.seeds["administrator"])  # noqa: E731
    f.refused("a tally head of another size", head, canonical({**value, "tree_size": head + 1}))
    f.refused("a tally head of another number of ballots", head, canonical({**value, "ballots": 7}))
    f.refused("a tally head of another digest", head, canonical({**value, "digest": "00" * 32}))
    f.refused("a tally head twice", head + 1, canonical({**value, "tree_size": head + 1}))
    empty = {"ballots": 0, "digest": f.states[ballot].tally.digest().hex(), "time_ms": 1, "tree_size": ballot, "type": "tally-head/v1"}
    f.refused("a tally head without ballots", ballot, canonical(empty))
    f.refused("a closing without a tally head", head, e.entries[closing])
    f.refused("a closing before the opening", closing, signed(closing, time_ms=OPENS - 1))
    f.refused("a closing signed by a trustee", closing, e.signed(f.value(closing), e.identity[0]))
    f.admitted("an early closing", closing, signed(closing, time_ms=OPENS), phase="closed")
    f.admitted("a closing without ballots", ballot, e.entries[closing], phase="closed")
    later = e.by_administrator("extension", closes_at_ms=CLOSES + 1, time_ms=OPENS)
    f.admitted("an extension", closing, later, phase="open")
    f.refused("an extension to the same time", closing, e.by_administrator("extension", closes_at_ms=CLOSES, time_ms=OPENS))
    back = e.by_administrator("extension", closes_at_ms=CLOSES, time_ms=OPENS)
    f.refused("an extension back to an earlier time", closing, later, back)
    after = e.by_administrator("extension", closes_at_ms=CLOSES + 9, time_ms=CLOSES + 1)
    f.refused("a closing that was signed before the extension", closing, after, e.entries[closing])
    f.refused("an extension after the closing", closing + 1, later)
    f.refused("a second closing", closing + 1, e.entries[closing])


def _agreements(f, e):
    first, second = f.at("agreement"), f.at("agreement", 1)
    head = f.value(first)["head"]
    signed = lambda index, seed, **changed: e.signed(f.value(index, **changed), seed)  # noqa: E731
    f.refused("an agreement to another size", first, signed(first, e.identity[0], head={**head, "tree_size": first + 1}))
    f.refused("an agreement to another root", first, signed(first, e.identity[0], head={**head, "root": "00" * 32}))
    f.refused("a second agreement", second, e.entries[first])
    f.refused("an agreement signed by another trustee", first, signed(first, e.identity[1]))
    f.refused("decryption shares before the agreements", second, e.entries[f.at("decryption-share")])
    f.refused("a result before the agreements", second, e.entries[f.at("result")])
    third = e.by_trustee(2, "agreement", head=head, time_ms=CLOSES + 1)
    f.admitted("an agreement after the quorum", second + 1, third, phase="agreed")


def _shares(f, e):
    """The sample's share entries are of trustees 3 and 1."""
    first, second = f.at("decryption-share"), f.at("decryption-share", 1)
    value = f.value(first)

    def signed(**changed):
        return e.signed({**value, **changed}, e.identity[2])

    def contest(**changed):
        return [{**value["contests"][0], **changed}, *value["contests"][1:]]

    head = value["head"]
    f.refused("decryption shares for another head", first, signed(head={**head, "root": "00" * 32}))
    f.refused("decryption shares signed by another trustee", first, e.signed(value, e.identity[0]))
    f.refused("decryption shares twice", second, e.entries[first])
    shares, proof = value["contests"][0]["shares"], value["contests"][0]["proof"]
    swapped = contest(shares=[[row[1], row[0], *row[2:]] for row in shares])
    evidence = {
        "a share altered": signed(contests=swapped),
        "an altered proof": signed(contests=contest(proof={**proof, "v_base": proof["v_pads"]})),
        "another trustee's shares": e.signed({**f.value(second), "trustee": 3}, e.identity[2]),
        "a contest left out": signed(contests=value["contests"][:1]),
        "contests out of order": signed(contests=value["contests"][::-1]),
        "a cell too few": signed(contests=contest(shares=shares[:1])),
        "a row too few": signed(contests=contest(shares=[row[:-1] for row in shares])),
        "a share that is no point": signed(contests=contest(shares=[[to_base64(b"\xff" * 32), *shares[0][1:]], *shares[1:]])),
        "a response that is not reduced": signed(contests=contest(proof={**proof, "z": to_base64(b"\xff" * 32)})),
    }
    for name, data in evidence.items():
        f.admitted(f"wrong shares are evidence: {name}", first, data, phase="agreed")
    wrong = list(evidence.values())[:3]
    f.admitted("right shares after wrong ones", first, *wrong[:2], e.entries[first], phase="agreed")
    f.refused("wrong shares again, byte for byte", first, wrong[0], wrong[0])
    f.refused("decryption shares a fourth time", first, *wrong, e.entries[first])
    f.refused("a result with too few shares", second, e.entries[f.at("result")])
    f.refused("a result when the second trustee's shares are wrong", second, e.signed({**f.value(first), "trustee": 1}, e.identity[0]), e.entries[f.at("result")])
    late = e.by_trustee(2, "agreement", head=head, time_ms=CLOSES + 1)
    f.admitted("an agreement after the decryption", second + 1, late, phase="decrypted")


def _results(f, e):
    result = f.at("result")
    contests = f.value(result)["contests"]
    chair, board = contests
    north, south = chair["cells"]

    def refused(name, contests):
        f.refused(name, result, e.signed(f.value(result, contests=contests), e.seeds["administrator"]))

    counts = [north["counts"][0] + 1, *north["counts"][1:]]
    refused("a result with another count", [{**chair, "cells": [{**north, "counts": counts}, south]}, board])
    refused("a result with counts of two selections swapped", [{**chair, "cells": [{**north, "counts": north["counts"][::-1]}, {**south, "counts": south["counts"][::-1]}]}, board])
    refused("a result without a contest", [chair])
    refused("a result without a cell", [{**chair, "cells": [north]}, board])
    refused("a result for other cells", [{**chair, "cells": [{**north, "groups": ["north", "south"]}]}, board])
    refused("a result that withholds a contest", [{**chair, "cells": [], "withheld": True}, board])
    refused("a result in another order", [board, chair])
    f.refused("a result signed by a trustee", result, e.signed(f.value(result), e.identity[0]))
    f.refused("a second result", result + 1, e.entries[result])
    _withheld(f, e)


def _withheld(f, e):
    """Elections that decrypt little or nothing, from the same setup."""
    opening = f.at("opening") + 1
    closing = e.entries[f.at("closing")]

    def finish(voters):
        election = sample.Election.resumed(e, opening)
        for voter in voters:
            election.cast(voter, {"chair": answer("ada"), "board": answer("dee")})
        if voters:
            election.tally_head()
        election.append(closing)
        for trustee in (1, 3):
            election.agree(trustee)
        if election.record.phase == "agreed":
            for trustee in (1, 3):
                election.decrypt(trustee)
        return election.publish().entries[opening:]

    f.admitted("nobody voted: nothing is decrypted", opening, *finish([]), phase="published")
    f.admitted("one voter: every contest is withheld", opening, *finish([0]), phase="published")
    f.admitted("two voters of one group: the other is empty", opening, *finish([0, 1]), phase="published")


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
