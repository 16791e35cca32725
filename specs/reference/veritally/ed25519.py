"""Ed25519 (RFC 8032, section 5.1), strict: the cofactorless equation, canonical encodings only, no small-order points."""

import hashlib

from . import curve
from .curve import ORDER, P

_BASE = curve.FixedBase(curve.BASE)


def _decode(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if len(data) != 32 or y >= P:
        return None
    x = curve.recover_x(y, sign)
    return None if x is None else curve.affine(x, y)


def _encode(point):
    x, y, z, _ = point
    inverse = pow(z, -1, P)
    return (y * inverse % P | (x * inverse % P & 1) << 255).to_bytes(32, "little")


def _is_small_order(point):
    x, y, z, _ = curve.double(curve.double(curve.double(point)))
    return x == 0 and y == z


def _hash_scalar(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % ORDER


def is_key(data):
    """Whether these bytes are a public key that strict verification accepts."""
    point = _decode(data)
    return point is not None and not _is_small_order(point)


def verify(key, message, signature):
    """Whether the signature holds: S·B = R + k·A without the cofactor, neither A nor R of small order."""
    if len(signature) != 64:
        return False
    a, r, s = _decode(key), _decode(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= ORDER or _is_small_order(a) or _is_small_order(r):
        return False
    k = _hash_scalar(signature[:32], key, message)
    expected = curve.add(_BASE.multiply(s), curve.multiply(k, curve.negate(a)))
    return _encode(expected) == signature[:32]


def _expand(seed):
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & (2**254 - 8) | 2**254
    return scalar, digest[32:]


def public_key(seed):
    return _encode(_BASE.multiply(_expand(seed)[0] % ORDER))


def sign(seed, message):
    scalar, prefix = _expand(seed)
    nonce = _hash_scalar(prefix, message)
    r = _encode(_BASE.multiply(nonce))
    k = _hash_scalar(r, public_key(seed), message)
    return r + ((nonce + k * scalar) % ORDER).to_bytes(32, "little")
