"""Vectors of sections 2, 4.4, 5, 7 and 8: manifests, ceremony, share proofs, tally digests, cells."""

import base64
import copy
import json
from collections import Counter

from veritally import ceremony, decryption, tally
from veritally.encoding import canonical, labelled_hash, sha256, to_base64
from veritally.group import G, IDENTITY, Q, encode_scalar
from veritally.sample import Draw, Election, answer, choice, contest, proof_text, text


def _hex(point):
    return point.encode().hex()


# --- Manifests --------------------------------------------------------------------------------------------------------


def manifests():
    good = Election("manifests").manifest_value
    large = contest("large", choice(high=700, low=0), [f"s{i}" for i in range(700)])
    all_types = [
        *good["contests"],
        contest("score", {"limit": 6, "max": 4, "seats": 1, "type": "score"}, ["a", "b", "c"]),
        contest("quadratic", {"credits": 10, "seats": 1, "type": "quadratic"}, ["a", "b"]),
        contest("borda", {"first_place": "n-1", "min": 1, "places": 2, "seats": 1, "type": "borda"}, ["a", "b", "c"]),
        contest("condorcet", {"seats": 1, "type": "condorcet"}, ["a", "b", "c"]),
    ]
    cases = []

    def case(name, value, holds=False):
        data = canonical(value)
        fingerprint = {"fingerprint": sha256(data).hex()} if holds else {}
        cases.append({"kind": "manifest" if holds else "bad-manifest", "name": name, "entry": data.decode(), **fingerprint})

    def bad(name, change):
        value = copy.deepcopy(good)
        change(value)
        case(name, value)

    def put(**members):
        return lambda value: value.update(members)

    case("two contests, two styles, two groups", good, True)
    every = {"contests": [c["id"] for c in all_types], "id": "every", "name": {"en": "Every"}}
    case("every contest type", {**good, "contests": all_types, "ballot_styles": [every]}, True)
    two = copy.deepcopy(good)
    for item in (two, *two["contests"], *two["ballot_styles"], *two["groups"], *(s for c in two["contests"] for s in c["selections"])):
        item["name"]["de"] = item["name"]["en"]
    case("two languages", {**two, "languages": ["en", "de"], "description": {"de": "", "en": ""}}, True)

    bad("no quorum", put(quorum=0))
    bad("a quorum of half of the trustees", lambda v: (v.update(trustees=v["trustees"][:2], quorum=1, agreement_quorum=1)))
    bad("a quorum beyond the trustees", put(quorum=4, agreement_quorum=4))
    bad("an agreement quorum under the quorum", put(agreement_quorum=1))
    bad("an agreement quorum beyond the trustees", put(agreement_quorum=4))
    bad("a witness quorum beyond the witnesses", put(witness_quorum=2))
    bad("no administrators", put(administrators=[]))
    bad("no trustees", put(trustees=[]))
    bad("an administrator twice", lambda v: v["administrators"].append(v["administrators"][0]))
    bad("a witness twice", lambda v: v["witnesses"].append(v["witnesses"][0]))
    bad("two trustees with one identity key", lambda v: v["trustees"][1].update(identity_key=v["trustees"][0]["identity_key"]))
    bad("a trustee twice", lambda v: v["trustees"].__setitem__(1, v["trustees"][0]))
    bad("another trustee's proof of possession", lambda v: v["trustees"][0].update(proof=v["trustees"][1]["proof"]))
    bad("an encryption key that is the identity", lambda v: v["trustees"][0].update(encryption_key=text(IDENTITY)))
    bad("an encryption key that is no point", lambda v: v["trustees"][0].update(encryption_key=to_base64(b"\1" + bytes(31))))
    bad("a nameless trustee", lambda v: v["trustees"][0].update(name=" "))
    bad("an origin with a space", lambda v: v["log"].update(origin="board example"))
    bad("an empty origin", lambda v: v["log"].update(origin=""))
    bad("it closes when it opens", lambda v: v["schedule"].update(closes_at_ms=v["schedule"]["opens_at_ms"]))
    bad("no languages", lambda v: v.update(languages=[]))
    bad("a language twice", lambda v: v.update(languages=["en", "en"]))
    bad("a text in too few languages", lambda v: v.update(languages=["en", "de"]))
    bad("a text in too many languages", lambda v: v["name"].update(de="Muster"))
    bad("an empty name", lambda v: v["contests"][0].update(name={"en": ""}))
    bad("no groups", put(groups=[]))
    bad("a group twice", lambda v: v["groups"].append(v["groups"][0]))
    bad("no contests", put(contests=[]))
    bad("a contest twice", lambda v: v["contests"].append(v["contests"][0]))
    bad("a selection twice", lambda v: v["contests"][0]["selections"].append(v["contests"][0]["selections"][0]))
    bad("a contest without selections", lambda v: v["contests"][0].update(selections=[]))
    bad("an impossible rule", lambda v: v["contests"][0]["rule"].update(max=4))
    bad("an unknown contest type", lambda v: v["contests"][0]["rule"].update(type="lottery"))
    case("a random order of selections", {**good, "contests": [{**good["contests"][0], "random_order": True}, *good["contests"][1:]]}, True)
    bad("a random order that is false", lambda v: v["contests"][0].update(random_order=False))
    bad("undervotes that are false", lambda v: v["contests"][1]["rule"].update(undervotes=False))
    bad("no ballot styles", put(ballot_styles=[]))
    bad("a ballot style twice", lambda v: v["ballot_styles"].append(v["ballot_styles"][0]))
    bad("a ballot style without contests", lambda v: v["ballot_styles"][1].update(contests=[]))
    bad("a ballot style of an unknown contest", lambda v: v["ballot_styles"][1].update(contests=["other"]))
    bad("a ballot style out of manifest order", lambda v: v["ballot_styles"][0].update(contests=["board", "chair"]))
    bad("a contest twice on a ballot style", lambda v: v["ballot_styles"][0].update(contests=["chair", "chair", "board"]))
    bad("a contest on no ballot style", lambda v: v.update(ballot_styles=v["ballot_styles"][1:]))
    bad("a floor of zero", put(floor=0))
    bad("no casts", put(casts_per_credential=0))
    bad("too many casts", put(casts_per_credential=1_001))
    bad("no weight", put(max_total_weight=0))
    bad("counts beyond 2^40", put(max_total_weight=2**40 + 1))
    style = [{"contests": ["large"], "id": "large", "name": {"en": "Large"}}]
    bad("a ballot that does not fit an entry", put(contests=[large], ballot_styles=style, max_total_weight=1))
    bad("a result that does not fit an entry", put(groups=[{"id": f"g{i}", "name": {"en": f"G {i}"}} for i in range(500)]))
    eleven = contest("many", {"seats": 1, "type": "condorcet"}, [f"s{i}" for i in range(12)])
    one_style = [{"contests": ["many"], "id": "many", "name": {"en": "Many"}}]
    bad("a Condorcet contest of twelve", put(contests=[eleven], ballot_styles=one_style))
    bad("an id with a capital", lambda v: v.update(election="Sample"))
    bad("an id that ends with a hyphen", lambda v: v.update(election="sample-"))
    bad("an id of 65 characters", lambda v: v.update(election="a" * 65))
    bad("an unknown member", put(color="red"))
    case("another entry than a manifest", {"ballots": 0, "digest": "00" * 32, "time_ms": 0, "tree_size": 0, "type": "tally-head/v1"})
    about = "encoding.md, manifest/v1, and protocol.md sections 2, 3 and 5: manifests, and one for every rule that they can break."
    return {"about": about, "cases": cases}


# --- Key ceremony -----------------------------------------------------------------------------------------------------


def key_ceremony():
    cases = []
    draw = Draw("possession")
    identity, secret = draw.bytes(), draw.scalar()
    public = secret * G
    proof = ceremony.prove_possession(identity, secret, draw.scalar())

    def possession(name, holds=False, **changed):
        value = {"identity_key": to_base64(identity), "encryption_key": text(public), "proof": proof_text(proof), **changed}
        cases.append({"kind": "possession" if holds else "bad-possession", "name": name, **value})

    possession("a trustee knows its secret", True)
    possession("another identity key", identity_key=to_base64(bytes(32)))
    possession("another encryption key", encryption_key=text(public + G))
    possession("altered v", proof=proof_text({**proof, "v": proof["v"] + G}))
    possession("altered z", proof=proof_text({**proof, "z": proof["z"] + 1}))
    possession("z is not reduced", proof={**proof_text(proof), "z": to_base64((proof["z"] + Q).to_bytes(32, "little"))})
    identity_proof = ceremony.prove_possession(identity, 0, draw.scalar())
    possession("the identity as encryption key", encryption_key=text(IDENTITY), proof=proof_text(identity_proof))

    e = Election("ceremony").setup()
    start = len(e.entries)
    e.hold_ceremony()
    r = e.record
    secrets = [[encode_scalar(x).hex() for x in e.share_secrets(i)] for i in (1, 2, 3)]
    complete = {
        "coefficients": [[[encode_scalar(a).hex() for a in row] for row in trustee] for trustee in e.polynomials],
        "commit_hashes": [r.messages["trustee-commit"][i]["hash"].hex() for i in (1, 2, 3)],
        "commits": r.messages["trustee-reveal"][1]["commits"].hex(),
        "ceremony": r.ceremony.hex(),
        "keys": [_hex(k) for k in r.keys.keys],
        "public_shares": [[_hex(y) for y in row] for row in r.keys.shares.values()],
        "secret_shares": secrets,
        "rehearsal_pad": _hex(ceremony.rehearsal_pad(e.fingerprint, r.ceremony)),
    }
    cases.append({"kind": "ceremony", "name": "three trustees, two decrypt", **complete})
    decryption_secrets = [encode_scalar(x).hex() for x in e.secrets]
    for dealer in (1, 2, 3):
        for package in r.messages["trustee-shares"][dealer]["packages"]:
            i = package["recipient"]
            opened = ceremony.open_package(e.fingerprint, 1, dealer, i, e.secrets[i - 1], package)
            opened = {"dealer": dealer, "recipient": i, "shares": [s.hex() for s in opened]}
            cases.append({"kind": "package", "name": f"from {dealer} to {i}", **opened})
    cases += list(_bad_messages(e, start))
    about = (
        "protocol.md section 5: `entries` are a manifest and a whole ceremony, `decryption_secrets` the trustees' d_i. A "
        "message of kind bad-message is refused after the first `after` entries."
    )
    return {"about": about, "entries": [d.decode() for d in e.entries], "decryption_secrets": decryption_secrets, "cases": cases}


def _bad_messages(e, start):
    """For every rule of the ceremony a message that breaks it; `after` counts entries."""
    n = e.n
    commit, reveal, shares, confirm, rehearsal = (start + n * i for i in range(5))
    m = e.manifest

    def value(kind, trustee):
        return {k: v for k, v in json.loads(e.messages[kind, trustee]).items() if k != "signature"}

    def bad(name, after, kind, sender, signer=None, **changed):
        data = e.signed({**value(kind, sender), **changed}, e.identity[(signer or sender) - 1])
        return {"kind": "bad-message", "name": name, "after": after, "entry": data.decode()}

    kinds = ("trustee-commit", "trustee-reveal", "trustee-shares", "trustee-confirm", "trustee-rehearsal")
    firsts = (commit, reveal, shares, confirm, rehearsal)
    for kind, first in zip(kinds, firsts):
        yield bad(f"{kind}: signed by another trustee", first, kind, 1, signer=2)
        yield bad(f"{kind}: another attempt", first, kind, 1, attempt=2)
        yield bad(f"{kind}: attempt zero", first, kind, 1, attempt=0)
        yield bad(f"{kind}: sent twice", first + 1, kind, 1)
    for kind, before in zip(kinds[1:], firsts):
        yield bad(f"{kind}: before all of the phase before", before + n - 1, kind, 1)
    for kind, first in zip(kinds[:-1], firsts[1:]):
        yield bad(f"{kind}: after its phase", first, kind, 1)
    yield bad("trustee-commit: no such trustee", commit, "trustee-commit", 1, trustee=4)
    yield bad("trustee-commit: trustee zero", commit, "trustee-commit", 1, trustee=0)

    c = value("trustee-reveal", 1)["commitments"]
    proof = value("trustee-reveal", 1)["proof"]
    yield bad("trustee-reveal: other commitments than committed", reveal, "trustee-reveal", 1, commitments=[c[1], c[0], *c[2:]])
    yield bad("trustee-reveal: a commitment too few", reveal, "trustee-reveal", 1, commitments=c[:-1])
    yield bad("trustee-reveal: another hash of all commits", reveal, "trustee-reveal", 1, commits="00" * 32)
    yield bad("trustee-reveal: altered v", reveal, "trustee-reveal", 1, proof={**proof, "v": c[0]})
    yield bad("trustee-reveal: altered z", reveal, "trustee-reveal", 1, proof={**proof, "z": scalar_plus(proof["z"])})
    yield bad("trustee-reveal: another trustee's proof", reveal, "trustee-reveal", 1, proof=value("trustee-reveal", 2)["proof"])
    yield from _other_elections(e, reveal)

    packages = value("trustee-shares", 1)["packages"]
    one, two = packages

    def with_first(**changed):
        return [{**one, **changed}, two]

    yield bad("trustee-shares: a package too few", shares, "trustee-shares", 1, packages=[one])
    yield bad("trustee-shares: packages out of order", shares, "trustee-shares", 1, packages=[two, one])
    yield bad("trustee-shares: a package for oneself", shares, "trustee-shares", 1, packages=[{**one, "recipient": 1}, two])
    yield bad("trustee-shares: a row too few", shares, "trustee-shares", 1, packages=with_first(masked=_shorter(one["masked"])))
    yield bad("trustee-shares: altered shares", shares, "trustee-shares", 1, packages=with_first(masked=_flipped(one["masked"])))
    other = value("trustee-shares", 2)["packages"][1]
    copied = [one, {**other, "recipient": 3}]
    yield bad("trustee-shares: another dealer's package copied", shares, "trustee-shares", 1, packages=copied)
    same = ceremony.make_package(
        e.fingerprint, 1, 1, 2, m.trustees[1]["encryption_key"], e.polynomials[0], *_ephemeral_of(e)
    )
    again = ceremony.make_package(
        e.fingerprint, 1, 1, 3, m.trustees[2]["encryption_key"], e.polynomials[0], *_ephemeral_of(e)
    )
    twice = [_package_text(same), _package_text(again)]
    yield bad("trustee-shares: one ephemeral point twice in a message", shares, "trustee-shares", 1, packages=twice)
    # The dealer of the second message knows the secret of an ephemeral point that is in the log already.
    yield from _repeated_ephemeral(e, shares)

    yield bad("trustee-confirm: another ceremony hash", confirm, "trustee-confirm", 1, ceremony="00" * 32)
    d = value("trustee-rehearsal", 1)
    yield bad("trustee-rehearsal: a share altered", rehearsal, "trustee-rehearsal", 1, shares=[d["shares"][1], *d["shares"][1:]])
    yield bad("trustee-rehearsal: a row too few", rehearsal, "trustee-rehearsal", 1, shares=d["shares"][:-1])
    other = value("trustee-rehearsal", 2)
    yield bad("trustee-rehearsal: another trustee's shares", rehearsal, "trustee-rehearsal", 1, shares=other["shares"], proof=other["proof"])
    t = ceremony.rehearsal_transcript(e.fingerprint, e.record.ceremony, 1)
    chosen, proof = ceremony.prove_shares(t, e.share_secrets(1), [5 * G], e.draw.scalar())
    chosen = [text(p) for p in chosen[0]]
    yield bad("trustee-rehearsal: a pad of one's own", rehearsal, "trustee-rehearsal", 1, shares=chosen, proof=proof_text(proof))


def scalar_plus(encoded):
    value = int.from_bytes(base64.b64decode(encoded), "little") + 1
    return to_base64(encode_scalar(value))


def _shorter(encoded):
    return to_base64(base64.b64decode(encoded)[:-32])


def _flipped(encoded):
    data = base64.b64decode(encoded)
    return to_base64(bytes([data[0] ^ 1]) + data[1:])


def _ephemeral_of(e):
    """One secret e for two packages, with a nonce of its own each time."""
    return Draw("ephemeral").scalar(), e.draw.scalar()


def _package_text(p):
    return {
        "ephemeral": text(p["ephemeral"]),
        "masked": to_base64(p["masked"]),
        "proof": proof_text(p["proof"]),
        "recipient": p["recipient"],
    }


def _repeated_ephemeral(e, shares):
    """Trustee 2 deals with the ephemeral secret of trustee 1's first package, with a proof of its own that holds."""
    key = e.manifest.trustees[0]["encryption_key"]
    secret = e.ephemerals[1, 2]
    first = ceremony.make_package(e.fingerprint, 1, 2, 1, key, e.polynomials[1], secret, e.draw.scalar())
    second = json.loads(e.messages["trustee-shares", 2])["packages"][1]
    data = e.by_trustee(2, "trustee-shares", attempt=1, packages=[_package_text(first), second])
    name = "trustee-shares: an ephemeral point that occurred before"
    yield {"kind": "bad-message", "name": name, "after": shares + 1, "entry": data.decode()}


def _other_elections(e, reveal):
    """Reveals whose proof is bound to something else, and a rogue key."""
    commits = e.commits()
    polynomials = e.polynomials[0]
    for name, arguments in {
        "a proof for another election": (bytes(32), 1, 1, commits),
        "a proof for another attempt": (e.fingerprint, 2, 1, commits),
        "a proof for another trustee": (e.fingerprint, 1, 2, commits),
        "a proof for other commits": (e.fingerprint, 1, 1, bytes(32)),
    }.items():
        proof = ceremony.prove_constant_terms(*arguments, polynomials, e.draw.scalar())
        commitments = [text(c) for c in ceremony.commitments_of(polynomials)]
        members = {"attempt": 1, "commitments": commitments, "commits": commits.hex(), "proof": proof_text(proof)}
        data = e.by_trustee(1, "trustee-reveal", **members)
        yield {"kind": "bad-message", "name": f"trustee-reveal: {name}", "after": reveal, "entry": data.decode()}
    # ⚠ Only the plain sum of the constant terms is known: e^r is left out.
    v = e.draw.scalar()
    challenge = ceremony._constant_terms(e.fingerprint, 1, 1, commits, ceremony.commitments_of(polynomials), v * G)
    proof = {"v": v * G, "z": (v + challenge * sum(p[0] for p in polynomials)) % Q}
    commitments = [text(c) for c in ceremony.commitments_of(polynomials)]
    members = {"attempt": 1, "commitments": commitments, "commits": commits.hex(), "proof": proof_text(proof)}
    data = e.by_trustee(1, "trustee-reveal", **members)
    name = "trustee-reveal: a proof of the plain sum"
    yield {"kind": "bad-message", "name": name, "after": reveal, "entry": data.decode()}


# --- Share proofs -----------------------------------------------------------------------------------------------------


def share_proofs():
    draw = Draw("shares")
    fingerprint, ceremony_hash, root = draw.bytes(), draw.bytes(), draw.bytes()
    secrets = [draw.scalar() for _ in range(3)]
    pads = [draw.scalar() * G for _ in range(2)]
    bound = {
        "fingerprint": fingerprint.hex(), "ceremony": ceremony_hash.hex(), "tree_size": 41, "root": root.hex(),
        "contest": "chair", "trustee": 2,
    }  # fmt: skip
    t = decryption.decryption_transcript(fingerprint, ceremony_hash, 41, root, "chair", 2)
    shares, proof = ceremony.prove_shares(t, secrets, pads, draw.scalar())
    public = [x * G for x in secrets]
    cases = []

    def case(name, holds=False, shares=shares, proof=proof, pads=pads, public=public, **changed):
        value = {
            **bound,
            "public_shares": [_hex(y) for y in public],
            "pads": [_hex(p) for p in pads],
            "shares": [[_hex(d) for d in row] for row in shares],
            "proof": {n: encode_scalar(v).hex() if n == "z" else _hex(v) for n, v in proof.items()},
        }
        cases.append({"kind": "share-proof" if holds else "bad-share-proof", "name": name, **value, **changed})

    case("two pads, three rows", True)
    case("altered share", shares=[[shares[0][0] + G, *shares[0][1:]], shares[1]])
    case("shares of two rows swapped", shares=[[row[1], row[0], row[2]] for row in shares])
    case("shares of two pads swapped", shares=shares[::-1])
    # What cancels out without weights: one share is too high by as much as another is too low.
    case("two errors that cancel out", shares=[[shares[0][0] + G, shares[0][1] - G, shares[0][2]], shares[1]])
    case("another pad", pads=[pads[0] + G, pads[1]])
    case("another public share", public=[public[0] + G, *public[1:]])
    case("a row too few", shares=[row[:-1] for row in shares])
    case("a pad too few", shares=shares[:1])
    case("altered v_base", proof={**proof, "v_base": proof["v_base"] + G})
    case("altered v_pads", proof={**proof, "v_pads": proof["v_pads"] + G})
    case("altered z", proof={**proof, "z": proof["z"] + 1})
    case("another election", fingerprint=bytes(32).hex())
    case("another ceremony", ceremony=bytes(32).hex())
    case("another tree size", tree_size=42)
    case("another root", root=bytes(32).hex())
    case("another contest", contest="board")
    case("another trustee", trustee=1)

    for trustees in ([1, 2], [1, 3], [2, 3, 5]):
        values = [encode_scalar(x).hex() for x in decryption.lagrange(trustees)]
        cases.append({"kind": "lagrange", "name": f"trustees {trustees}", "trustees": trustees, "coefficients": values})
    polynomial = [draw.scalar() for _ in range(2)]
    for name, chosen, count, limit in (("the first two", [1, 2], 12, 50), ("the last two", [2, 3], 50, 50), ("a count of zero", [1, 3], 0, 50)):
        pad = draw.scalar() * G
        data = count * G + polynomial[0] * pad
        shares = {str(i): _hex(ceremony.evaluate(polynomial, i) * pad) for i in chosen}
        cases.append(
            {"kind": "combination", "name": name, "data": _hex(data), "shares": shares, "bound": limit, "count": count}
        )
    return {"about": "protocol.md sections 5 and 8: share proofs, Lagrange coefficients, combination.", "cases": cases}


# --- Tally ------------------------------------------------------------------------------------------------------------


def tallies():
    draw, cases = Draw("tally"), []

    def digest(name, sums):
        points = [(ballots, draw.scalar() * G if ballots else IDENTITY, rows) for ballots, rows in sums]
        listed = [(b, pad, [draw.scalar() * G if b else IDENTITY for _ in range(rows)]) for b, pad, rows in points]
        items = [sum(b for b, _, _ in listed)]
        for ballots, pad, data in listed:
            items += [ballots, pad, len(data), *data]
        value = [{"ballots": b, "pad": _hex(p), "data": [_hex(d) for d in data]} for b, p, data in listed]
        cases.append({"kind": "digest", "name": name, "sums": value, "digest": labelled_hash("tally", *items).hex()})

    digest("two groups and two styles", [(3, 4), (1, 2), (7, 4), (2, 2)])
    digest("a style without ballots", [(3, 4), (0, 2)])
    digest("no ballots", [(0, 1)])

    e = Election("cells", contests=[contest("only", choice(), ["yes", "no"])], styles={"only": ["only"]}, groups=("a",))
    e.setup().hold_ceremony().enroll([("only", "a", 1)]).open()
    ballot = e.ballot(0, {"only": answer("yes")}).entry_bytes().decode()

    def cell_case(name, parts, floor, expected, may_identify=False):
        counted = [(f"g{i}", Counter(part)) for i, part in enumerate(parts)]
        made = tally.cells(counted, floor, may_identify)
        made = None if made is None else [[int(g[1:]) for g in cell.groups] for cell in made]
        assert made == expected, (name, made)
        groups = [[[weight, count] for weight, count in part.items()] for part in parts]
        value = dict(e.manifest_value)
        value["groups"] = [{"id": f"g{i}", "name": {"en": f"Group {i}"}} for i in range(len(parts))]
        value.update(floor=floor, weights_may_identify=may_identify)
        entry = canonical(value).decode()
        cases.append({"kind": "cells", "name": name, "manifest": entry, "groups": groups, "cells": made})

    cell_case("every group stands", [{1: 3}, {1: 4}], 3, [[0], [1]])
    cell_case("the first merges with the next", [{1: 2}, {1: 4}], 3, [[0, 1]])
    cell_case("the last merges with the one before", [{1: 4}, {1: 3}, {1: 2}], 3, [[0], [1, 2]])
    cell_case("a merged cell that still fails merges on", [{1: 1}, {1: 1}, {1: 1}, {1: 3}], 3, [[0, 1, 2], [3]])
    cell_case("a group without ballots stands", [{1: 3}, {}, {1: 3}], 3, [[0], [1], [2]])
    cell_case("a failing cell merges over a group without ballots", [{1: 2}, {}, {1: 3}], 3, [[0, 1, 2]])
    cell_case("the last merges with a group without ballots, and on", [{1: 3}, {}, {1: 2}], 3, [[0, 1, 2]])
    cell_case("one weight too rare", [{1: 5, 2: 1}, {1: 3, 2: 2}], 3, [[0, 1]])
    cell_case("one weight too rare everywhere", [{1: 5, 7: 1}, {1: 5}], 3, None)
    cell_case("the same when weights may identify", [{1: 5, 7: 1}, {1: 5}], 3, [[0], [1]], True)
    cell_case("too few when weights may identify", [{1: 1, 7: 1}, {1: 1}], 4, None, True)
    cell_case("a backward merge that fails merges on", [{1: 3}, {1: 3}, {2: 1}], 3, None)
    cell_case("a backward merge that stands at last", [{1: 3, 2: 3}, {1: 3}, {2: 1}], 3, [[0, 1, 2]])
    cell_case("nobody voted", [{}, {}], 3, [[0], [1]])
    cell_case("a floor of one", [{1: 1}, {2: 1}], 1, [[0], [1]])
    about = (
        "protocol.md sections 4.4 and 7: tally digests; cells, for each group [weight, counted credentials]; `cells` are lists "
        "of groups, null when the contest is withheld. `ballot` has the shape of the manifests' only style."
    )
    return {"about": about, "ballot": ballot, "cases": cases}
