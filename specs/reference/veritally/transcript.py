"""Section 1: `transcript(name)`: merlin 1.0 over STROBE-128 over Keccak-f[1600], and what the protocol appends to it."""

from .group import Point, encode_scalar, wide_scalar

_MASK = 2**64 - 1


def _round_constants():
    """The round constants of Keccak from its linear feedback shift register (FIPS 202, section 3.2.5)."""
    constants, lfsr = [], 1
    for _ in range(24):
        constant = 0
        for j in range(7):
            if lfsr & 1:
                constant |= 1 << (2**j - 1)
            lfsr = lfsr << 1 ^ (0x171 if lfsr & 0x80 else 0)
        constants.append(constant)
    return constants


def _rho_pi():
    """For each lane (x, y) = x + 5y of the input: where π moves it and by how much ρ turns it (FIPS 202, 3.2.2 and 3.2.3)."""
    turns, (x, y) = {(0, 0): 0}, (1, 0)
    for t in range(24):
        turns[x, y] = (t + 1) * (t + 2) // 2 % 64
        x, y = y, (2 * x + 3 * y) % 5
    return [(x + 5 * y, y + 5 * ((2 * x + 3 * y) % 5), turns[x, y]) for y in range(5) for x in range(5)]


_RC, _RHO_PI = _round_constants(), _rho_pi()


def keccak_f(lanes):
    """Keccak-f[1600] on 25 lanes of 64 bits."""
    a = lanes
    for constant in _RC:
        c = [a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20] for x in range(5)]
        d = [c[x - 1] ^ (c[x - 4] << 1 & _MASK | c[x - 4] >> 63) for x in range(5)]
        b = [0] * 25
        for source, target, turn in _RHO_PI:
            lane = a[source] ^ d[source % 5]
            b[target] = (lane << turn | lane >> (64 - turn)) & _MASK
        a = []
        for y in (0, 5, 10, 15, 20):
            b0, b1, b2, b3, b4 = b[y : y + 5]
            a += (b0 ^ ~b1 & b2, b1 ^ ~b2 & b3, b2 ^ ~b3 & b4, b3 ^ ~b4 & b0, b4 ^ ~b0 & b1)
        a[0] ^= constant
    return a


class Strobe:
    """The part of STROBE-128 (strobe.sourceforge.io, version 1.0.2) that merlin uses: AD, meta-AD, PRF."""

    RATE = 166
    I, A, C, M = 1, 2, 4, 16

    def __init__(self, label):
        self.state = bytearray(200)
        self.state[:18] = bytes([1, self.RATE + 2, 1, 0, 1, 96]) + b"STROBEv1.0.2"
        self._permute()
        self.position = self.begin = 0
        self.flags = 0
        self.meta_ad(label)

    def _permute(self):
        lanes = [int.from_bytes(self.state[i : i + 8], "little") for i in range(0, 200, 8)]
        self.state = bytearray(b"".join(lane.to_bytes(8, "little") for lane in keccak_f(lanes)))

    def _run(self):
        self.state[self.position] ^= self.begin
        self.state[self.position + 1] ^= 0x04
        self.state[self.RATE + 1] ^= 0x80
        self._permute()
        self.position = self.begin = 0

    def _absorb(self, data):
        while data:
            room = self.RATE - self.position
            now, data = data[:room], data[room:]
            for i, byte in enumerate(now, self.position):
                self.state[i] ^= byte
            self.position += len(now)
            if self.position == self.RATE:
                self._run()

    def _begin(self, flags):
        old, self.begin = self.begin, self.position + 1
        self._absorb(bytes([old, flags]))
        if flags & self.C and self.position:
            self._run()

    def meta_ad(self, data):
        self._begin(self.M | self.A)
        self._absorb(data)

    def ad(self, data):
        self._begin(self.A)
        self._absorb(data)

    def prf(self, length):
        self._begin(self.I | self.A | self.C)
        out = b""
        while len(out) < length:
            now = min(length - len(out), self.RATE - self.position)
            out += self.state[self.position : self.position + now]
            self.state[self.position : self.position + now] = bytes(now)
            self.position += now
            if self.position == self.RATE:
                self._run()
        return out

    def copy(self):
        other = object.__new__(Strobe)
        other.state, other.position, other.begin = bytearray(self.state), self.position, self.begin
        return other


class Merlin:
    """merlin 1.0 (merlin.cool): framed messages and challenges over STROBE."""

    def __init__(self, label):
        self.strobe = Strobe(b"Merlin v1.0")
        self.append_message(b"dom-sep", label)

    def append_message(self, label, message):
        self.strobe.meta_ad(label + len(message).to_bytes(4, "little"))
        self.strobe.ad(message)

    def challenge_bytes(self, label, length):
        self.strobe.meta_ad(label + length.to_bytes(4, "little"))
        return self.strobe.prf(length)


class Transcript:
    """`transcript(name)` of the specification."""

    def __init__(self, name):
        self.merlin = Merlin(b"veritally/v1")
        self.append("protocol", name)

    def append(self, label, value):
        """`append label = value`: an integer is its u64, a list one message. Scalars are given encoded."""
        self.merlin.append_message(label.encode(), message(value))
        return self

    def challenge_bytes(self, label, length):
        return self.merlin.challenge_bytes(label.encode(), length)

    def challenge(self, label):
        return wide_scalar(self.challenge_bytes(label, 64))

    def copy(self):
        """A transcript that goes on from here: ballots of one style share their first messages."""
        other, merlin = object.__new__(Transcript), object.__new__(Merlin)
        merlin.strobe, other.merlin = self.merlin.strobe.copy(), merlin
        return other


def message(value):
    match value:
        case bytes():
            return value
        case str():
            return value.encode()
        case int():
            return value.to_bytes(8, "little")
        case Point():
            return value.encode()
        case list():
            return b"".join(map(message, value))
    raise TypeError(type(value))
