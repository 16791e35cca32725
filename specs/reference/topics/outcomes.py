"""From the end of voting to the result: entries that break a rule, and elections that decrypt little or nothing."""

from veritally import sample
from veritally.encoding import canonical, to_base64
from veritally.sample import CLOSES, OPENS, answer


def closings(f, e):
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


def agreements(f, e):
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


def shares(f, e):
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


def results(f, e):
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
