"""Section 1: the group Ristretto255 (RFC 9496), its scalars, and the generators H, G_0, G_1, …"""

from functools import lru_cache

from . import curve
from .curve import D, ORDER, P, SQRT_M1

Q = ORDER


class DecodeError(ValueError):
    """Bytes that are not the canonical encoding of a point or scalar."""


def _is_negative(x):
    return x % P & 1


def _abs(x):
    x %= P
    return P - x if x & 1 else x


def _sqrt_ratio(u, v):
    """(whether u/v is square, the non-negative root of u/v or of i·u/v): RFC 9496, section 4.2."""
    u, v = u % P, v % P
    r = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    check = v * r * r % P
    if check in (-u % P, -u * SQRT_M1 % P):
        r = r * SQRT_M1
    return check in (u, -u % P), _abs(r)


# RFC 9496, section 4.1, fixes the sign of the first of these roots: it is the odd one.
SQRT_AD_MINUS_ONE = P - _sqrt_ratio(-D - 1, 1)[1]
INVSQRT_A_MINUS_D = _sqrt_ratio(1, -1 - D)[1]
ONE_MINUS_D_SQ = (1 - D * D) % P
D_MINUS_ONE_SQ = (D - 1) * (D - 1) % P


class Point:
    """An element of the group. Immutable; compares and hashes by its encoding."""

    __slots__ = ("coordinates", "_bytes")

    def __init__(self, coordinates, encoded=None):
        self.coordinates, self._bytes = coordinates, encoded

    @staticmethod
    def decode(data):
        """RFC 9496, section 4.3.1."""
        s = int.from_bytes(data, "little")
        if len(data) != 32 or s >= P or s & 1:
            raise DecodeError("not a canonical point")
        ss = s * s % P
        u1, u2 = (1 - ss) % P, (1 + ss) % P
        u2_sqr = u2 * u2 % P
        v = (-D * u1 * u1 - u2_sqr) % P
        was_square, invsqrt = _sqrt_ratio(1, v * u2_sqr)
        den_x = invsqrt * u2 % P
        den_y = invsqrt * den_x * v % P
        x = _abs(2 * s * den_x)
        y = u1 * den_y % P
        t = x * y % P
        if not was_square or t & 1 or y == 0:
            raise DecodeError("not a canonical point")
        return Point((x, y, 1, t), bytes(data))

    def encode(self):
        """RFC 9496, section 4.3.2."""
        if self._bytes is not None:
            return self._bytes
        x0, y0, z0, t0 = self.coordinates
        u1 = (z0 + y0) * (z0 - y0) % P
        u2 = x0 * y0 % P
        _, invsqrt = _sqrt_ratio(1, u1 * u2 * u2)
        den1, den2 = invsqrt * u1 % P, invsqrt * u2 % P
        z_inv = den1 * den2 * t0 % P
        if _is_negative(t0 * z_inv):
            x, y, den_inv = y0 * SQRT_M1 % P, x0 * SQRT_M1 % P, den1 * INVSQRT_A_MINUS_D
        else:
            x, y, den_inv = x0, y0, den2
        if _is_negative(x * z_inv):
            y = -y
        self._bytes = _abs(den_inv * (z0 - y)).to_bytes(32, "little")
        return self._bytes

    def __eq__(self, other):
        """RFC 9496, section 4.3.3."""
        x1, y1, _, _ = self.coordinates
        x2, y2, _, _ = other.coordinates
        return (x1 * y2 - y1 * x2) % P == 0 or (y1 * y2 - x1 * x2) % P == 0

    def __hash__(self):
        return hash(self.encode())

    def __add__(self, other):
        return Point(curve.add(self.coordinates, other.coordinates))

    def __neg__(self):
        return Point(curve.negate(self.coordinates))

    def __sub__(self, other):
        return self + -other

    def __rmul__(self, scalar):
        return Point(curve.multiply(scalar % Q, self.coordinates))

    def __deepcopy__(self, memo):
        return self

    def __repr__(self):
        return f"Point({self.encode().hex()})"

    def is_identity(self):
        return self == IDENTITY


class Generator(Point):
    """A fixed point with a table of multiples."""

    __slots__ = ("table",)

    def __init__(self, point):
        super().__init__(point.coordinates)
        self.table = curve.FixedBase(point.coordinates)

    def __rmul__(self, scalar):
        return Point(self.table.multiply(scalar % Q))


IDENTITY = Point(curve.NEUTRAL, bytes(32))
G = Generator(Point(curve.BASE))


def point_sum(points):
    total = IDENTITY
    for point in points:
        total += point
    return total


def combination(scalars, points):
    """Σ scalar·point."""
    points = list(points)
    return Point(curve.multi_multiply([s % Q for s in scalars], [p.coordinates for p in points]))


def decode_scalar(data):
    value = int.from_bytes(data, "little")
    if len(data) != 32 or value >= Q:
        raise DecodeError("not a canonical scalar")
    return value


def encode_scalar(value):
    return (value % Q).to_bytes(32, "little")


def wide_scalar(data):
    """64 bytes, little-endian, reduced modulo q."""
    assert len(data) == 64
    return int.from_bytes(data, "little") % Q


def _map(data):
    """RFC 9496, section 4.3.4, MAP."""
    t = int.from_bytes(data, "little") & (2**255 - 1)
    r = SQRT_M1 * t * t % P
    u = (r + 1) * ONE_MINUS_D_SQ % P
    v = (-1 - r * D) * (r + D) % P
    was_square, s = _sqrt_ratio(u, v)
    c = -1
    if not was_square:
        s, c = -_abs(s * t) % P, r
    n = (c * (r - 1) * D_MINUS_ONE_SQ - v) % P
    w0, w1, w2, w3 = 2 * s * v, n * SQRT_AD_MINUS_ONE, 1 - s * s, 1 + s * s
    return Point((w0 * w3 % P, w2 * w1 % P, w1 * w3 % P, w0 * w2 % P))


def one_way_map(data):
    """64 uniform bytes to a point: RFC 9496, section 4.3.4."""
    assert len(data) == 64
    return _map(data[:32]) + _map(data[32:])


def _generator(name, index):
    from .transcript import Transcript

    t = Transcript("generator").append("name", name).append("index", index)
    return Generator(one_way_map(t.challenge_bytes("point", 64)))


@lru_cache(maxsize=None)
def generator_h():
    return _generator("H", 0)


@lru_cache(maxsize=None)
def generator_g(index):
    """G_index; G_0 carries check 2's quadratic term, G_i the bit i."""
    return _generator("G", index)
