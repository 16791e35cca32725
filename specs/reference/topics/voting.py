"""Vectors of sections 3 and 4: credentials, contests and relations, encryption, ballot proofs."""

import json
from dataclasses import replace

from veritally import ballots, contests, sample
from veritally.encoding import to_base64
from veritally.group import G, IDENTITY, Q, encode_scalar
from veritally.sample import Draw, answer, choice, contest


def credentials():
    draw = Draw("credentials")
    fingerprint = draw.bytes()
    cases = []
    for name, code in (("a code", draw.bytes(16)), ("zeros", bytes(16)), ("ones", b"\xff" * 16)):
        secret = ballots.credential_secret(fingerprint, code)
        cases.append(
            {
                "kind": "credential",
                "name": name,
                "fingerprint": fingerprint.hex(),
                "code": code.hex(),
                "text": ballots.code_text(code),
                "secret": encode_scalar(secret).hex(),
                "public": (secret * G).encode().hex(),
                "public_id": ballots.public_id(secret * G),
            }
        )
    text, ones = cases[0]["text"], cases[2]["text"]

    def typed(name, text, code):
        cases.append({"kind": "typed-code", "name": name, "text": text, "code": code})

    def bad(name, text):
        cases.append({"kind": "bad-code", "name": name, "text": text})

    typed("lower case", text.lower(), cases[0]["code"])
    typed("without groups", text.replace("-", ""), cases[0]["code"])
    typed("spaces between groups", f" {text.replace('-', ' ')} ", cases[0]["code"])
    typed("O for 0", cases[1]["text"].replace("0", "O"), cases[1]["code"])
    typed("I and L for 1", ones.replace("1", "I"), cases[2]["code"])
    bad("a wrong checksum", text[:-1] + ("0" if text[-1] != "0" else "1"))
    bad("a wrong character", text[:3] + "U" + text[4:])
    bad("two characters swapped", text[1] + text[0] + text[2:])
    bad("too short", text[:-1])
    bad("too long", text + "0")
    bad("padding bits set", _padding_set(bytes.fromhex(cases[0]["code"])))
    bad("empty", "")
    return {"about": "protocol.md section 4.1: codes on letters and the credentials that they are.", "cases": cases}


def _padding_set(code):
    """The text of a code whose two zero bits are ones, with the checksum of the code."""
    text = ballots.code_text(code).replace("-", "")
    last = ballots.CROCKFORD[ballots.CROCKFORD.index(text[25]) | 3]
    return ballots.grouped(text[:25] + last + text[26:])


RULES = {
    "one of five": (choice(), 5),
    "one of four or blank": (choice(blank=True), 4),
    "one to two of three or blank": (choice(blank=True, high=2, low=1), 3),
    "nothing to two of three": (choice(high=2, low=0), 3),
    "free approval": (choice(high=3, low=0), 3),
    "free approval or blank": (choice(blank=True, high=3, low=0), 3),
    "exactly two of three": (choice(high=2, low=2), 3),
    "scores 0 to 5": ({"limit": 0, "max": 5, "seats": 1, "type": "score"}, 3),
    "scores 0 to 4 with a limit of 6": ({"limit": 6, "max": 4, "seats": 1, "type": "score"}, 3),
    "quadratic with 10 credits": ({"credits": 10, "seats": 1, "type": "quadratic"}, 3),
    "Borda with all places": ({"first_place": "n", "min": 3, "places": 3, "seats": 1, "type": "borda"}, 3),
    "Borda, truncated": ({"first_place": "n-1", "min": 1, "places": 3, "seats": 1, "type": "borda"}, 4),
    "Borda, nothing or one place": ({"first_place": "n", "min": 0, "places": 1, "seats": 1, "type": "borda"}, 3),
    "Borda, the last place worth nothing": ({"first_place": "n-1", "min": 0, "places": 3, "seats": 1, "type": "borda"}, 3),
    "one or two of three, undervotes counted": ({**choice(high=2, low=1), "undervotes": True}, 3),
    "approval or blank, undervotes counted": ({**choice(blank=True, high=2, low=0), "undervotes": True}, 2),
    "approval, undervotes counted": ({**choice(high=2, low=0), "undervotes": True}, 2),
    "Condorcet": ({"seats": 1, "type": "condorcet"}, 3),
    "Condorcet of two": ({"seats": 1, "type": "condorcet"}, 2),
}

ANSWERS = {
    "one of five": {"the second": answer("s2")},
    "one of four or blank": {"blank": answer(blank=True), "the last": answer("s4")},
    "one to two of three or blank": {"one": answer("s3"), "two": answer("s3", "s1"), "blank": answer(blank=True)},
    "nothing to two of three": {"nothing": answer(), "one": answer("s1")},
    "free approval": {"nothing": answer(), "two": answer("s1", "s3")},
    "free approval or blank": {"nothing": answer(), "blank": answer(blank=True), "all": answer("s1", "s2", "s3")},
    "scores 0 to 5": {"0 4 5": {"scores": {"s1": 0, "s2": 4, "s3": 5}, "type": "score"}},
    "scores 0 to 4 with a limit of 6": {
        "all spent": {"scores": {"s1": 0, "s2": 4, "s3": 2}, "type": "score"},
        "one left": {"scores": {"s1": 3, "s2": 1, "s3": 1}, "type": "score"},
    },
    "quadratic with 10 credits": {
        "3 1 0": {"type": "quadratic", "votes": {"s1": 3, "s2": 1, "s3": 0}},
        "2 0 1": {"type": "quadratic", "votes": {"s1": 2, "s2": 0, "s3": 1}},
    },
    "Borda with all places": {"all": {"ranking": ["s2", "s3", "s1"], "type": "borda"}},
    "Borda, truncated": {
        "one": {"ranking": ["s4"], "type": "borda"},
        "two": {"ranking": ["s4", "s2"], "type": "borda"},
        "three": {"ranking": ["s1", "s3", "s2"], "type": "borda"},
    },
    "Borda, nothing or one place": {"nothing": {"ranking": [], "type": "borda"}},
    "Borda, the last place worth nothing": {"all": {"ranking": ["s3", "s1", "s2"], "type": "borda"}},
    "one or two of three, undervotes counted": {"one": answer("s2"), "two": answer("s1", "s3")},
    "approval or blank, undervotes counted": {"nothing": answer(), "one": answer("s2"), "blank": answer(blank=True)},
    "approval, undervotes counted": {"nothing": answer(), "one": answer("s2")},
    "Condorcet": {
        "strict": {"ranking": [["s3"], ["s1"], ["s2"]], "type": "condorcet"},
        "a tie": {"ranking": [["s1", "s3"], ["s2"]], "type": "condorcet"},
        "one named": {"ranking": [["s2"]], "type": "condorcet"},
        "nothing": {"ranking": [], "type": "condorcet"},
    },
}

BAD_ANSWERS = {
    "an overvote": ("one of five", answer("s1", "s2")),
    "an undervote": ("one of five", answer()),
    "an unknown selection": ("one of five", answer("s6")),
    "a selection twice": ("nothing to two of three", answer("s1", "s1")),
    "blank that is not offered": ("one of five", answer(blank=True)),
    "blank and a selection": ("one of four or blank", answer("s1", blank=True)),
    "a score beyond the highest": ("scores 0 to 5", {"scores": {"s1": 6, "s2": 0, "s3": 0}, "type": "score"}),
    "scores beyond the limit": (
        "scores 0 to 4 with a limit of 6",
        {"scores": {"s1": 4, "s2": 3, "s3": 0}, "type": "score"},
    ),
    "votes beyond the credits": ("quadratic with 10 credits", {"type": "quadratic", "votes": {"s1": 3, "s2": 1, "s3": 1}}),
    "too few places": ("Borda, truncated", {"ranking": [], "type": "borda"}),
    "too many places": ("Borda, truncated", {"ranking": ["s1", "s2", "s3", "s4"], "type": "borda"}),
    "an option in two places": ("Borda, truncated", {"ranking": ["s1", "s1"], "type": "borda"}),
    "an option in two ranks": ("Condorcet", {"ranking": [["s1"], ["s2", "s1"]], "type": "condorcet"}),
    "an empty rank": ("Condorcet", {"ranking": [["s1"], [], ["s2"]], "type": "condorcet"}),
    "an empty last rank": ("Condorcet", {"ranking": [["s1"], []], "type": "condorcet"}),
    "an answer of another type": ("one of five", {"scores": {"s1": 1}, "type": "score"}),
}

BAD_RULES = {
    "max beyond the selections": (choice(high=4), 3),
    "min beyond max": (choice(high=1, low=2), 3),
    "max of zero": (choice(high=0, low=0), 3),
    "no seats": (choice(seats=0), 3),
    "undervotes where none are possible": ({**choice(high=2, low=2), "undervotes": True}, 3),
    "more seats than selections": (choice(seats=4), 3),
    "a highest score of zero": ({"limit": 0, "max": 0, "seats": 1, "type": "score"}, 3),
    "a highest score beyond 2^20": ({"limit": 0, "max": 2**20 + 1, "seats": 1, "type": "score"}, 3),
    "no credits": ({"credits": 0, "seats": 1, "type": "quadratic"}, 3),
    "credits beyond a million": ({"credits": 1_000_001, "seats": 1, "type": "quadratic"}, 3),
    "more places than options": ({"first_place": "n", "min": 1, "places": 4, "seats": 1, "type": "borda"}, 3),
    "no places": ({"first_place": "n", "min": 0, "places": 0, "seats": 1, "type": "borda"}, 3),
    "fewest places beyond the places": ({"first_place": "n", "min": 3, "places": 2, "seats": 1, "type": "borda"}, 3),
}

OUTCOMES = {
    "one winner": (choice(), [3, 9, 5], [1], []),
    "a tie for the only seat": (choice(), [3, 5, 5], [], [1, 2]),
    "a tie for the last seat": (choice(high=2, seats=2), [9, 5, 5], [0], [1, 2]),
    "as many seats as selections": (choice(high=3, seats=3), [0, 5, 0], [0, 1, 2], []),
    "a tie that takes all seats": (choice(high=2, seats=2), [5, 5, 1], [0, 1], []),
    "blank ballots win nothing": (choice(blank=True), [3, 4, 2, 9], [1], []),
    "undervotes win nothing": ({**choice(high=2, low=1), "undervotes": True}, [3, 4, 2, 9], [1], []),
    "the highest score": ({"limit": 0, "max": 5, "seats": 1, "type": "score"}, [30, 31, 5], [1], []),
    "a Condorcet winner": ({"seats": 1, "type": "condorcet"}, [2, 1, 3, 3, 4, 2], [1], []),
    "a cycle broken by its weakest victory": ({"seats": 1, "type": "condorcet"}, [8, 4, 2, 7, 6, 3], [0], []),
    "a tied Condorcet contest": ({"seats": 1, "type": "condorcet"}, [2, 2, 2, 2, 2, 2], [], [0, 1, 2]),
    "two seats, the last one tied": ({"seats": 2, "type": "condorcet"}, [5, 5, 1, 3, 1, 3], [0], [1, 2]),
    "one beats another, the third ties with both": ({"seats": 1, "type": "condorcet"}, [4, 3, 2, 3, 3, 3], [], [0, 2]),
    "the same for two seats": ({"seats": 2, "type": "condorcet"}, [4, 3, 2, 3, 3, 3], [0], [1, 2]),
}


def _selections(count):
    return [f"s{i}" for i in range(1, count + 1)]


def _contest(rule, count):
    return contests.TYPES[rule["type"]](contests.parse_rule(rule), _selections(count))


def _rows(rows):
    return [{"terms": [list(term) for term in row.terms], **({} if row.value is None else {"value": row.value})} for row in rows]


def contest_rules():
    cases = []

    def relation(name, held):
        made = contests.Relation([_contest(rule, count) for rule, count in held])
        cases.append(
            {
                "kind": "relation",
                "name": name,
                "contests": [{"rule": rule, "selections": count} for rule, count in held],
                "bits": made.bits,
                "secret": _rows(made.secret),
                "public": _rows(made.public),
                "digest": made.digest().hex(),
            }
        )

    for name, held in RULES.items():
        relation(name, [held])
    relation("two contests on one ballot", [RULES["one to two of three or blank"], RULES["one of five"]])
    for rule_name, filled in ANSWERS.items():
        rule, count = RULES[rule_name]
        for name, value in filled.items():
            bits = _contest(rule, count).encode(contests.parse_answer(value))
            base = {"kind": "answer", "name": f"{rule_name}: {name}", "rule": rule, "selections": count}
            cases.append({**base, "answer": value, "bits": bits})
    for name, (rule_name, value) in BAD_ANSWERS.items():
        rule, count = RULES[rule_name]
        cases.append({"kind": "bad-answer", "name": name, "rule": rule, "selections": count, "answer": value})
    for name, (rule, count) in BAD_RULES.items():
        cases.append({"kind": "bad-rule", "name": name, "rule": rule, "selections": count})
    for name, (rule, counts, winners, tied) in OUTCOMES.items():
        base = {"kind": "outcome", "name": name, "rule": rule, "selections": 3, "counts": counts}
        cases.append({**base, "winners": winners, "tied": tied})
    about = "protocol.md section 3: rules compile to bits and rows, answers to bits; selections are s1, s2, …."
    return {"about": about, "cases": cases}


def opened_election(seed):
    """An election that is open, with one style of two contests."""
    return sample.Election(seed).setup().hold_ceremony().enroll([("full", "north", 1)] * 3 + [("short", "south", 2)]).open()


FILLED = {"chair": answer("bo"), "board": answer("fay", "dee")}


def encryption():
    e = opened_election("encryption")
    context, voter = e.record.contexts["full"], e.credentials[0]
    cases = []
    for name, filled, counter, previous in (
        ("a first ballot", FILLED, 1, bytes(32)),
        ("a later ballot", {"chair": answer("cy"), "board": answer("eli")}, 2, e.draw.bytes()),
        ("blank", {"chair": answer("ada"), "board": answer(blank=True)}, 1, bytes(32)),
    ):
        seed = e.draw.bytes()
        bits = context.relation.encode([filled["chair"], filled["board"]])
        ballot, (r, s) = ballots.encrypt(context, voter["key"], counter, previous, bits, seed)
        code = ballot.confirmation_code(e.fingerprint)
        cases.append(
            {
                "kind": "opening",
                "name": name,
                "opening": ballots.opening(context, ballot, filled, seed),
                "ballot_bits": bits,
                "r": encode_scalar(r).hex(),
                "s": encode_scalar(s).hex(),
                "short_code": ballots.code_words(code),
            }
        )
    good = cases[0]["opening"]

    def bad(name, **changed):
        cases.append({"kind": "bad-opening", "name": name, "opening": {**good, **changed}})

    bad("another seed", seed=bytes(32).hex())
    bad("other selections", selections={**FILLED, "chair": answer("ada")})
    bad("another counter", counter=2)
    bad("another previous ballot", previous="11" * 32)
    bad("another pad", pad=cases[1]["opening"]["pad"])
    bad("other data", data=good["data"][:-1] + [good["data"][0]])
    bad("another B", bits=cases[1]["opening"]["bits"])
    bad("another code", code="00" * 32)
    bad("another credential", credential=to_base64(e.credentials[1]["key"].encode()))
    bad("another election", fingerprint="00" * 32)
    bad("a contest left out", selections={"chair": FILLED["chair"]})
    bad("an overvote", selections={**FILLED, "chair": answer("ada", "bo")})
    about = "protocol.md section 4.2: encryption from a seed, as a spoiled ballot opens it. `setup` opens the election."
    return {"about": about, "setup": [d.decode() for d in e.entries], "cases": cases}


class Forger:
    """Makes ballots that break one rule each."""

    def __init__(self, e):
        self.e, self.context, self.voter = e, e.record.contexts["full"], e.credentials[0]
        self.bits = self.context.relation.encode([FILLED["chair"], FILLED["board"]])
        self.good = self.prove(self.bits)

    def prove(self, bits, context=None, secret=None, alter=None, **slot):
        context, v = context or self.context, self.voter
        slot = {"counter": 1, "previous": bytes(32), "key": v["key"], **slot}
        ballot, nonces = ballots.encrypt(
            context, slot["key"], slot["counter"], slot["previous"], [b % 256 for b in bits], self.e.draw.bytes()
        )
        if any(b not in (0, 1) for b in bits):
            r, s = nonces
            data = [row.of(bits) * G + r * k for row, k in zip(context.relation.secret, context.style_keys())]
            ballot = replace(ballot, data=data, bits=ballots.commit(bits, s))
        ballot, nonces = alter(ballot, nonces) if alter else (ballot, nonces)
        return ballots.prove(context, ballot, bits, nonces, v["secret"] if secret is None else secret, self.e.draw.scalar)


def ballot_proofs():
    e = opened_election("ballots")
    f = Forger(e)
    context, good = f.context, f.good
    cases = []

    def valid(name, ballot, secret):
        y, x = ballots.challenges(e.record.contexts[ballot.style], ballot)
        code = ballot.confirmation_code(e.fingerprint)
        proof = {"y": encode_scalar(y).hex(), "x": encode_scalar(x).hex(), "code": code.hex()}
        cases.append({"kind": "ballot", "name": name, "entry": ballot.entry_bytes().decode(), **proof})

    def bad(name, ballot, fails):
        data = ballot if isinstance(ballot, str) else ballot.entry_bytes().decode()
        cases.append({"kind": "bad-ballot", "name": name, "entry": data, "fails": fails})

    valid("a ballot", good, f.voter["secret"])
    short = e.ballot(3, {"board": answer("eli")})
    valid("a ballot of the other style", short, e.credentials[3]["secret"])
    valid("a later ballot", f.prove(f.bits, counter=2, previous=bytes([7]) * 32), f.voter["secret"])

    # Bits and rules. The bits of the style: ada bo cy | dee eli fay, slack, blank.
    bad("a bit of two", f.prove([0, 2, 0, 1, 0, 1, 0, 0]), 2)
    bad("a bit of minus one", f.prove([1, 1, -1, 1, 0, 1, 0, 0]), 2)
    bad("a vote of seven and one of minus six", f.prove([7, -6, 0, 1, 0, 1, 0, 0]), 2)
    bad("an overvote", f.prove([1, 1, 0, 1, 0, 1, 0, 0]), 4)
    bad("an undervote", f.prove([0, 0, 0, 1, 0, 1, 0, 0]), 4)
    bad("an undervote with no slack", f.prove([1, 0, 0, 1, 0, 0, 0, 0]), 4)
    bad("blank and a selection", f.prove([1, 0, 0, 1, 0, 0, 0, 1]), 4)

    def other_data(ballot, nonces):
        return replace(ballot, data=[ballot.data[0] + 1 * G, *ballot.data[1:]]), nonces

    bad("data that hold another vote than the bits", f.prove(f.bits, alter=other_data), 4)
    swapped = lambda b, n: (replace(b, data=[b.data[1], b.data[0], *b.data[2:]]), n)  # noqa: E731
    bad("data of two rows swapped", f.prove(f.bits, alter=swapped), 4)
    bad("a pad of another nonce", f.prove(f.bits, alter=lambda b, n: (replace(b, pad=b.pad + G), n)), 3)
    bad("a commitment of other bits", f.prove(f.bits, alter=lambda b, n: (replace(b, bits=b.bits + G), n)), 1)
    bad("signed by another credential", f.prove(f.bits, secret=e.credentials[1]["secret"]), 5)

    # Another statement than the one that was proved.
    bad("another election", f.prove(f.bits, context=replace(context, fingerprint=bytes(32), _cache={})), 1)
    bad("another ceremony", f.prove(f.bits, context=replace(context, ceremony=bytes(32), _cache={})), 1)
    swapped_keys = [context.keys[1], context.keys[0], *context.keys[2:]]
    bad("keys of two rows swapped", f.prove(f.bits, context=replace(context, keys=swapped_keys, _cache={})), 1)
    bad("another credential", replace(good, credential=e.credentials[1]["key"]), 1)
    bad("another counter", replace(good, counter=2), 1)
    bad("another previous ballot", replace(good, previous=bytes([1]) * 32), 1)

    # Every member altered.
    for name in ("pad", "bits", "a", "t", "s", "e_pad", "e_data", "v"):
        bad(f"altered {name}", replace(good, **{name: getattr(good, name) + G}), 1)
    bad("altered data", replace(good, data=[*good.data[:-1], good.data[-1] + G]), 1)
    bad("altered f", replace(good, f=[good.f[0] + 1, *good.f[1:]]), 1)
    for name, check in (("z_1", 1), ("z_2", 2), ("z_3", 3), ("z_4", 5)):
        bad(f"altered {name}", replace(good, **{name: (getattr(good, name) + 1) % Q}), check)
    announced = dict(a=IDENTITY, t=IDENTITY, s=IDENTITY, e_pad=IDENTITY, e_data=IDENTITY, v=IDENTITY)
    bad("announcements of the identity", replace(good, **announced), 1)

    # Form.
    bad("a pad that is the identity", replace(good, pad=IDENTITY), "form")
    bad("a credential that is the identity", replace(good, credential=IDENTITY), "form")
    bad("a count too few", replace(good, data=good.data[:-1]), "form")
    bad("a count too many", replace(good, data=[*good.data, G]), "form")
    bad("a response too few", replace(good, f=good.f[:-1]), "form")
    bad("a response too many", replace(good, f=[*good.f, 0]), "form")
    bad("an unknown style", replace(good, style="other"), "form")
    value = json.loads(good.entry_bytes())
    from veritally.encoding import canonical

    not_a_point, not_a_scalar = to_base64(bytes([1]) + bytes(31)), to_base64(Q.to_bytes(32, "little"))
    for name in ("pad", "credential", "bits", "a", "t", "s", "e_pad", "e_data", "v"):
        bad(f"{name} is no point", canonical({**value, name: not_a_point}).decode(), "form")
    for name in ("z_1", "z_2", "z_3", "z_4"):
        bad(f"{name} is not reduced", canonical({**value, name: not_a_scalar}).decode(), "form")
    bad("data hold no point", canonical({**value, "data": [not_a_point, *value["data"][1:]]}).decode(), "form")
    bad("f is not reduced", canonical({**value, "f": [not_a_scalar, *value["f"][1:]]}).decode(), "form")
    about = "protocol.md section 4.3: ballot proofs; `fails` is the first ballot check that fails. `setup` opens the election."
    return {"about": about, "setup": [d.decode() for d in e.entries], "cases": cases}
