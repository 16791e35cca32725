"""While voting is open: openings, ballots and published spoiled ballots that break a rule."""

import json
from dataclasses import replace

from veritally.encoding import canonical, sha256, to_base64
from veritally.group import G, IDENTITY
from veritally.sample import CLOSES, OPENS, answer, text


def openings(f, e):
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


def ballots(f, e):
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


def spoiled(f, e):
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
