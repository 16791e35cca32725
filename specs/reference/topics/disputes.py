"""Vectors of section 5, "Complain" and "Restart": who is named, who is left out, and what is refused."""

from veritally import ceremony
from veritally.encoding import sha256, to_base64
from veritally.group import G
from veritally.record import Rejection
from veritally.sample import OPENS, Election, proof_text, text


def _restart(e, attempt, excluded=(), seed=None):
    named = [{"reason": reason, "trustee": i} for i, reason in excluded]
    value = {"administrator": 1, "attempt": attempt, "excluded": named, "time_ms": OPENS, "type": "ceremony-restart/v1"}
    return e.signed(value, seed or e.seeds["administrator"])


def _complaint(e, trustee, about, secret_of=None, **changed):
    """By default honest: the recipient's own secret, its own signature."""
    packages = e.record.messages["trustee-shares"][about]["packages"]
    package = next(p for p in packages if p["recipient"] == trustee)
    secret = e.secrets[(secret_of or trustee) - 1]
    shared, proof = ceremony.make_complaint(e.fingerprint, e.attempt, about, trustee, secret, package, e.draw.scalar())
    signer = changed.pop("signer", trustee)
    members = {"attempt": e.attempt, "dealer": about, "proof": proof_text(proof), "shared": text(shared), **changed}
    value = {"trustee": trustee, "type": "trustee-complaint/v1", **members}
    return e.signed(value, e.identity[signer - 1])


def disputes():
    """Dealer 1 deals trustee 2 a share that is too high by one, and trustee 3 bytes that are no scalars."""
    e = Election("disputes").setup()
    e.draw_polynomials()
    for make in (e.commit, e.reveal):
        for trustee in (1, 2, 3):
            e.append(make(trustee))
    e.append(e.shares(1, wrong={2: "too high", 3: "no scalars"}))
    e.append(e.shares(2))
    early, third = len(e.entries), e.shares(3)
    e.append(third)
    base, cases = len(e.entries), []

    def case(name, *tail, after=base):
        record = Election.resumed(e, after).record
        verdict = None
        for position, data in enumerate(tail):
            try:
                record.apply(data)
            except Rejection as rejection:
                assert position + 1 == len(tail), (name, str(rejection))
                verdict = {"check": rejection.check, "code": rejection.code}
        value = {"name": name, "after": after, "entries": [d.decode() for d in tail]}
        if verdict:
            cases.append({"kind": "refused", **value, **verdict})
        else:
            named = [[attempt, i, dealer, culprit] for _, attempt, i, dealer, culprit in record.complaints]
            cases.append({"kind": "dispute", **value, "complaints": named, "trustees": record.active, "attempt": record.attempt})

    right, scalars, false = _complaint(e, 2, 1), _complaint(e, 3, 1), _complaint(e, 3, 2)
    out = [(1, "fault")]
    case("a wrong share names the dealer", right)
    case("bytes that are no scalars name the dealer", scalars)
    case("a false complaint names the complainer", false)
    case("two complaints of one attempt", right, false)
    case("a restart without the dealer", right, _restart(e, 2, out))
    case("a restart of the administrator's own accord", _restart(e, 2))
    case("a restart without who is awaited", _restart(e, 2, [(2, "absent")]))
    case("a restart without the last to deal", _restart(e, 2, [(3, "absent")]), after=early)
    case("a second restart", _restart(e, 2, [(3, "absent")]), _restart(e, 3), after=early)

    case("a complaint twice", right, right)
    case("a complaint before all have dealt", right, after=early)
    case("a complaint of another attempt", _complaint(e, 2, 1, attempt=2))
    case("a complaint signed by another", _complaint(e, 2, 1, signer=3))
    case("a complaint with another's secret", _complaint(e, 2, 1, secret_of=3))
    case("a complaint about oneself", _complaint(e, 2, 1, dealer=2))
    case("a complaint about nobody", _complaint(e, 2, 1, dealer=4))
    case("a complaint about another dealer", _complaint(e, 2, 1, dealer=3))
    case("a complaint with another Z", _complaint(e, 2, 1, shared=text(G)))
    case("a complaint with a Z that is no point", _complaint(e, 2, 1, shared=to_base64(b"\xff" * 32)))
    case("a complaint for another election", _foreign(e))

    confirmed = e.confirm(3)
    case("a confirmation after a complaint", right, confirmed)
    case("a complaint after one's confirmation", confirmed, scalars)
    case("a restart signed by a trustee", _restart(e, 2, seed=e.identity[0]))
    case("a restart to the same attempt", _restart(e, 1))
    case("a restart that skips an attempt", _restart(e, 3))
    case("a restart that spares who cheated", right, _restart(e, 2))
    case("a restart that leaves out the victim", right, _restart(e, 2, [(2, "fault")]))
    case("a restart that calls a cheat absent", right, _restart(e, 2, [(1, "absent")]))
    case("a restart that leaves out more", right, _restart(e, 2, [*out, (3, "absent")]))
    case("a restart that calls silence a fault", _restart(e, 2, [(2, "fault")]))
    case("a restart that leaves out who spoke", _restart(e, 2, [(1, "absent")]), after=early)
    case("a restart in another order", _restart(e, 2, [(3, "absent"), (2, "absent")]))
    case("a restart that leaves too few", _restart(e, 2, [(2, "absent"), (3, "absent")]))
    case("a restart that names an unknown trustee", _restart(e, 2, [(4, "absent")]))
    case("a restart that names twice", _restart(e, 2, [(2, "absent"), (2, "absent")]))
    case("a restart that leaves out again who is out", right, _restart(e, 2, out), _restart(e, 3, [(1, "absent")]))

    second = Election.resumed(e, base)
    second.append(right)
    second.append(_restart(e, 2, out))
    case("who was left out commits again", right, _restart(e, 2, out), second.by_trustee(1, "trustee-commit", attempt=2, hash="00" * 32))
    case("a commit of the attempt before", right, _restart(e, 2, out), e.entries[2])
    again = Election.resumed(second, len(second.entries)).hold_ceremony()
    tail = again.entries[base:]
    case("a ceremony of those who remain", *tail)
    cases[-1]["keys"] = [k.encode().hex() for k in again.record.keys.keys]
    case("an opening is possible, a restart still is", *tail, _restart(e, 3))
    about = (
        "protocol.md section 5, Complain and Restart. After the first `after` of `entries`, all of the case's entries but the "
        "last are admitted; `complaints`: [attempt, complainer, dealer, who cheated]; `trustees`: who takes part."
    )
    return {"about": about, "entries": [d.decode() for d in e.entries], "cases": cases}


def _foreign(e):
    """Signed for this election, proved for another."""
    package = e.record.messages["trustee-shares"][1]["packages"][0]
    other = sha256(b"another election")
    shared, proof = ceremony.make_complaint(other, 1, 1, 2, e.secrets[1], package, e.draw.scalar())
    return e.by_trustee(2, "trustee-complaint", attempt=1, dealer=1, proof=proof_text(proof), shared=text(shared))
