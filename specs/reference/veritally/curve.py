"""The twisted Edwards curve -x² + y² = 1 + d·x²·y² over GF(2^255 - 19), which Ristretto255 and Ed25519 share.

A point here is a tuple (X, Y, Z, T) of extended coordinates: x = X/Z, y = Y/Z, T = XY/Z (RFC 8032, section 5.1.4).
"""

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
D2 = 2 * D % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
ORDER = 2**252 + 27742317777372353535851937790883648493  # q, the order of the prime-order subgroup

NEUTRAL = (0, 1, 1, 0)


def add(a, b):
    """The unified addition of RFC 8032, section 5.1.4: complete, so it also doubles."""
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    m = (y1 - x1) * (y2 - x2) % P
    n = (y1 + x1) * (y2 + x2) % P
    c = t1 * D2 * t2 % P
    d = 2 * z1 * z2 % P
    e, f, g, h = n - m, d - c, d + c, n + m
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def double(a):
    x, y, z, _ = a
    xx, yy = x * x % P, y * y % P
    h = xx + yy
    e = h - (x + y) * (x + y)
    g = xx - yy
    f = 2 * z * z + g
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def negate(a):
    x, y, z, t = a
    return (-x % P, y, z, -t % P)


def recover_x(y, sign):
    """The x of a point with this y and this lowest bit, or None (RFC 8032, section 5.1.3)."""
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if (v * x * x - u) % P != 0:
        x = x * SQRT_M1 % P
    if (v * x * x - u) % P != 0 or (x == 0 and sign):
        return None
    return x if x & 1 == sign else P - x


def affine(x, y):
    return (x, y, 1, x * y % P)


_BASE_Y = 4 * pow(5, -1, P) % P
BASE = affine(recover_x(_BASE_Y, 0), _BASE_Y)


def multiply(scalar, point):
    """scalar·point by windows of four bits; scalar is any non-negative integer."""
    table = [NEUTRAL, point]
    for _ in range(14):
        table.append(add(table[-1], point))
    result = NEUTRAL
    for nibble in f"{scalar:x}":
        result = double(double(double(double(result))))
        digit = int(nibble, 16)
        if digit:
            result = add(result, table[digit])
    return result


class FixedBase:
    """Multiples digit·16^i·point, so that one multiplication is 64 additions. Built on first use."""

    def __init__(self, point):
        self.point, self.table = point, None

    def multiply(self, scalar):
        if self.table is None:
            self.table, base = [], self.point
            for _ in range(64):
                row = [NEUTRAL, base]
                for _ in range(15):
                    row.append(add(row[-1], base))
                base = row.pop()
                self.table.append(row)
        result = NEUTRAL
        for row in self.table:
            digit = scalar & 15
            if digit:
                result = add(result, row[digit])
            scalar >>= 4
        assert scalar == 0, "scalars are reduced modulo the order"
        return result


def multi_multiply(scalars, points):
    """Σ scalar·point: Pippenger's buckets (Bernstein, Doumen, Lange, Oosterwijk 2012, section 4).

    Each window of w bits sorts the points into 2^w - 1 buckets; two running sums weigh the buckets.
    """
    pairs = [(s, p) for s, p in zip(scalars, points, strict=True) if s]
    if not pairs:
        return NEUTRAL
    window = next(w for w in range(2, 17) if len(pairs) < 4 << w or w == 16)
    mask = (1 << window) - 1
    longest = max(s.bit_length() for s, _ in pairs)
    result = NEUTRAL
    for shift in range((longest - 1) // window * window, -1, -window):
        for _ in range(window):
            result = double(result)
        buckets = [None] * mask
        for scalar, point in pairs:
            digit = (scalar >> shift) & mask
            if digit:
                held = buckets[digit - 1]
                buckets[digit - 1] = point if held is None else add(held, point)
        running = total = NEUTRAL
        for held in reversed(buckets):
            if held is not None:
                running = add(running, held)
            total = add(total, running)
        result = add(result, total)
    return result
