"""Section 5: the key ceremony: proofs of possession, the five phases, the share proof."""

from .encoding import labelled_hash
from .group import G, Q, DecodeError, Point, combination, decode_scalar, encode_scalar, point_sum
from .knowledge import holds as _holds
from .knowledge import prove as _prove
from .transcript import Transcript


def _possession(identity_key, encryption_key):
    return Transcript("key-possession").append("identity-key", identity_key).append("encryption-key", encryption_key)


def prove_possession(identity_key, secret, v):
    return _prove(_possession(identity_key, secret * G), secret, v)


def possession_holds(identity_key, encryption_key, proof):
    return _holds(_possession(identity_key, encryption_key), encryption_key, proof)


# --- 1 and 2: commit, reveal ----------------------------------------------------------------------------------------


def commitments_of(polynomials):
    """C_{r,m} for the polynomials of one trustee, key by key."""
    return [a * G for polynomial in polynomials for a in polynomial]


def coefficients_hash(fingerprint, attempt, trustee, keys, quorum, commitments):
    """h_l."""
    return labelled_hash("coefficients", fingerprint, attempt, trustee, keys, quorum, *commitments)


def commits_hash(fingerprint, attempt, hashes):
    return labelled_hash("commits", fingerprint, attempt, *hashes)


def _constant_terms(fingerprint, attempt, trustee, commits, commitments, v):
    t = Transcript("constant-terms").append("fingerprint", fingerprint).append("attempt", attempt)
    t.append("trustee", trustee).append("commits", commits).append("commitments", commitments)
    return t.append("v", v).challenge("e")


def prove_constant_terms(fingerprint, attempt, trustee, commits, polynomials, v):
    announced = v * G
    e = _constant_terms(fingerprint, attempt, trustee, commits, commitments_of(polynomials), announced)
    return {"v": announced, "z": (v + sum(pow(e, r, Q) * p[0] for r, p in enumerate(polynomials, 1))) % Q}


def constant_terms_hold(fingerprint, attempt, trustee, commits, commitments, quorum, proof):
    """z·G = V + Σ e^r·C_{l,r,0}."""
    e = _constant_terms(fingerprint, attempt, trustee, commits, commitments, proof["v"])
    constants = commitments[::quorum]
    powers = [pow(e, r, Q) for r in range(1, len(constants) + 1)]
    return proof["z"] * G == proof["v"] + combination(powers, constants)


# --- 3: shares ------------------------------------------------------------------------------------------------------


def evaluate(polynomial, at):
    return sum(a * pow(at, m, Q) for m, a in enumerate(polynomial)) % Q


def _mask(fingerprint, attempt, dealer, recipient, ephemeral, recipient_key, shared, length):
    t = Transcript("share-mask").append("fingerprint", fingerprint).append("attempt", attempt)
    t.append("dealer", dealer).append("recipient", recipient).append("ephemeral", ephemeral)
    t.append("recipient-key", recipient_key).append("shared", shared)
    return t.challenge_bytes("mask", length)


def _package(fingerprint, attempt, dealer, recipient, ephemeral, masked):
    t = Transcript("share-package").append("fingerprint", fingerprint).append("attempt", attempt)
    t.append("dealer", dealer).append("recipient", recipient).append("ephemeral", ephemeral)
    return t.append("masked", masked)


def _xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def make_package(fingerprint, attempt, dealer, recipient, recipient_key, polynomials, e, v):
    plain = b"".join(encode_scalar(evaluate(p, recipient)) for p in polynomials)
    return package_of(fingerprint, attempt, dealer, recipient, recipient_key, plain, e, v)


def package_of(fingerprint, attempt, dealer, recipient, recipient_key, plain, e, v):
    ephemeral = e * G
    mask = _mask(fingerprint, attempt, dealer, recipient, ephemeral, recipient_key, e * recipient_key, len(plain))
    masked = _xor(plain, mask)
    proof = _prove(_package(fingerprint, attempt, dealer, recipient, ephemeral, masked), e, v)
    return {"ephemeral": ephemeral, "masked": masked, "proof": proof, "recipient": recipient}


def package_holds(fingerprint, attempt, dealer, package):
    """Whether the dealer knows e: else a complaint would open somebody else's package."""
    t = _package(fingerprint, attempt, dealer, package["recipient"], package["ephemeral"], package["masked"])
    return _holds(t, package["ephemeral"], package["proof"])


def open_package(fingerprint, attempt, dealer, recipient, secret, package):
    """The shares f_{l,r}(i) as 32-byte strings, by their recipient."""
    ephemeral, masked = package["ephemeral"], package["masked"]
    mask = _mask(fingerprint, attempt, dealer, recipient, ephemeral, secret * G, secret * ephemeral, len(masked))
    plain = _xor(masked, mask)
    return [plain[i : i + 32] for i in range(0, len(plain), 32)]


# --- Complain -------------------------------------------------------------------------------------------------------


def _complaint(fingerprint, attempt, dealer, recipient):
    t = Transcript("complaint").append("fingerprint", fingerprint).append("attempt", attempt)
    return t.append("dealer", dealer).append("recipient", recipient)


def make_complaint(fingerprint, attempt, dealer, recipient, secret, package, v):
    """(Z, the proof): the share proof for the recipient's key, the pad E and the share Z."""
    t = _complaint(fingerprint, attempt, dealer, recipient)
    shares, proof = prove_shares(t, [secret], [package["ephemeral"]], v)
    return shares[0][0], proof


def complaint_holds(fingerprint, attempt, dealer, recipient, recipient_key, package, shared, proof):
    t = _complaint(fingerprint, attempt, dealer, recipient)
    return shares_hold(t, [recipient_key], [package["ephemeral"]], [[shared]], proof)


def package_is_right(fingerprint, attempt, dealer, recipient, recipient_key, package, shared, commitments, quorum):
    """Whether the package, opened with Z, holds the shares that the dealer's commitments say."""
    ephemeral, masked = package["ephemeral"], package["masked"]
    mask = _mask(fingerprint, attempt, dealer, recipient, ephemeral, recipient_key, shared, len(masked))
    plain = _xor(masked, mask)
    expected = public_shares(commitments, quorum, recipient)
    try:
        shares = [decode_scalar(plain[i : i + 32]) for i in range(0, len(plain), 32)]
    except DecodeError:
        return False
    return [x * G for x in shares] == expected


# --- 4 and the keys -------------------------------------------------------------------------------------------------


def public_shares(commitments, quorum, at):
    """f_{l,r}(i)·G for each r from the commitments of l."""
    powers = [pow(at, m, Q) for m in range(quorum)]
    return [combination(powers, commitments[i : i + quorum]) for i in range(0, len(commitments), quorum)]


def ceremony_hash(fingerprint, attempt, messages):
    """`messages` holds for each trustee the SHA-256 of commit, reveal and shares messages."""
    return labelled_hash("ceremony", fingerprint, attempt, *(h for three in messages for h in three))


class Keys:
    """What a ceremony yields from everybody's commitments: K_r and Y_{i,r}."""

    def __init__(self, commitments, quorum):
        """`commitments` holds for each trustee that takes part its R·k commitments."""
        values = list(commitments.values())
        count = len(values[0]) // quorum
        self.keys = [point_sum(c[r * quorum] for c in values) for r in range(count)]
        self.shares = {}
        for trustee in commitments:
            parts = [public_shares(c, quorum, trustee) for c in values]
            self.shares[trustee] = [point_sum(p[r] for p in parts) for r in range(count)]

    def acceptable(self):
        """Distinct and not the identity."""
        encoded = [key.encode() for key in self.keys]
        return len(set(encoded)) == len(encoded) and not any(key.is_identity() for key in self.keys)


# --- 5: rehearsal, and the share proof ------------------------------------------------------------------------------


def rehearsal_pad(fingerprint, ceremony):
    rho = Transcript("rehearsal-pad").append("fingerprint", fingerprint).append("ceremony", ceremony).challenge("pad")
    return rho * G


def rehearsal_transcript(fingerprint, ceremony, trustee):
    t = Transcript("rehearsal").append("fingerprint", fingerprint).append("ceremony", ceremony)
    return t.append("trustee", trustee)


def _share_weights(transcript, public, pads, shares):
    """w_r and u_g; `shares` holds for each pad its share in each row."""
    transcript.append("public-shares", list(public)).append("pads", list(pads))
    transcript.append("shares", [share for row in shares for share in row])
    w = [transcript.challenge("w") for _ in public]
    u = [transcript.challenge("u") for _ in pads]
    return w, u


def prove_shares(transcript, secrets, pads, v):
    """(the shares D, the proof) of the secrets x_{i,r} on these pads."""
    shares = [[x * pad for x in secrets] for pad in pads]
    w, u = _share_weights(transcript, [x * G for x in secrets], pads, shares)
    v_base, v_pads = v * G, v * combination(u, pads)
    c = transcript.append("v-base", v_base).append("v-pads", v_pads).challenge("c")
    z = (v + c * sum(a * x for a, x in zip(w, secrets))) % Q
    return shares, {"v_base": v_base, "v_pads": v_pads, "z": z}


def shares_hold(transcript, public, pads, shares, proof):
    if len(shares) != len(pads) or any(len(row) != len(public) for row in shares):
        return False
    w, u = _share_weights(transcript, public, pads, shares)
    c = transcript.append("v-base", proof["v_base"]).append("v-pads", proof["v_pads"]).challenge("c")
    on_base = proof["z"] * G == proof["v_base"] + c * combination(w, public)
    weights = [a * b for b in u for a in w]
    all_shares = [share for row in shares for share in row]
    on_pads = proof["z"] * combination(u, pads) == proof["v_pads"] + c * combination(weights, all_shares)
    return on_base and on_pads
