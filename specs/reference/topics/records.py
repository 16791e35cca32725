"""Vectors of section 2: a whole record, and for every rule an entry that breaks it."""

import json

from veritally import sample
from veritally.encoding import canonical

from .balloting import ballots, openings, spoiled
from .eligibility import reissues, rolls
from .faults import Faults
from .outcomes import agreements, closings, results, shares


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
    for section in (_setup, rolls, reissues, openings, ballots, spoiled, closings, agreements, shares, results, _everywhere):
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
