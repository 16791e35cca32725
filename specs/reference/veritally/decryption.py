"""Section 8: decryption shares, combination, and the discrete logarithm of a count."""

from math import isqrt

from .group import G, IDENTITY, Q, Point, combination
from .transcript import Transcript


def decryption_transcript(fingerprint, ceremony, tree_size, root, contest, trustee):
    t = Transcript("decryption").append("fingerprint", fingerprint).append("ceremony", ceremony)
    t.append("tree-size", tree_size).append("root", root).append("contest", contest)
    return t.append("trustee", trustee)


def lagrange(trustees):
    """λ_i at 0 for each of these trustees."""
    out = []
    for i in trustees:
        numerator = denominator = 1
        for j in trustees:
            if j != i:
                numerator, denominator = numerator * j % Q, denominator * (j - i) % Q
        out.append(numerator * pow(denominator, -1, Q) % Q)
    return out


def combine(data, shares):
    """m·G = data - Σ λ_i·D_i; `shares` maps a trustee to D_i."""
    trustees = sorted(shares)
    return data - combination(lagrange(trustees), [shares[i] for i in trustees])


class DiscreteLogarithms:
    """m from m·G by baby steps and giant steps (Shanks 1971); the table grows with the bound."""

    def __init__(self):
        self.steps, self.next = {}, IDENTITY

    def __call__(self, point, bound):
        """The m with 0 ≤ m ≤ bound, or None."""
        while len(self.steps) <= isqrt(bound):
            self.steps[self.next.encode()] = len(self.steps)
            self.next = self.next + Point(G.coordinates)
        width = len(self.steps)
        for high in range(bound // width + 1):
            low = self.steps.get(point.encode())
            if low is not None:
                m = high * width + low
                return m if m <= bound else None
            point = point - self.next
        return None


discrete_logarithm = DiscreteLogarithms()
