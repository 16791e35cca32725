"""Section 3: contests compile to bits and rows; a ballot style to a relation.

One class for each contest type, registered in `TYPES` by the name in the manifest. A class has `RULE` and `ANSWER`
(shapes), `bits`, `secret_rows`, `public_rows`, `encode` (an answer to its only encoding), `winners` and `possible`.
"""

from dataclasses import dataclass
from itertools import permutations
from math import isqrt

from .encoding import Malformed, Optional, array, boolean, identifier, integer, labelled_hash, members, true


@dataclass(frozen=True)
class Row:
    """Σ weight·bit, terms in the order in which the specification writes them.

    `value` is the known value of a public row, None for a secret row; `largest` the largest value of a secret row.
    """

    terms: tuple  # ((bit index from 0, weight), …)
    value: int | None = None
    largest: int = 1

    def of(self, bits):
        return sum(weight * bits[i] for i, weight in self.terms)

    def shifted(self, by):
        return Row(tuple((i + by, weight) for i, weight in self.terms), self.value, self.largest)


class InvalidAnswer(ValueError):
    """A filled-in contest that its rule does not allow."""


def _require_rule(holds, what):
    if not holds:
        raise Malformed(f"impossible rule of a contest: {what}")


def _require(holds, what):
    if not holds:
        raise InvalidAnswer(what)


def most_votes(counts, seats):
    """(winners, tied): who has more than the first without a seat has won; who has as much is tied if a seat is left."""
    if seats >= len(counts):
        return list(range(len(counts))), []
    threshold = sorted(counts, reverse=True)[seats]
    winners = [i for i, count in enumerate(counts) if count > threshold]
    tied = [i for i, count in enumerate(counts) if count == threshold] if len(winners) < seats else []
    return winners, tied


class ContestType:
    """What most types share: a count for each selection; the most win."""

    METHOD = ""

    def __init__(self, rule, selections):
        self.selections, self.n, self.seats = selections, len(selections), rule["seats"]
        _require_rule(1 <= self.seats <= self.n, "seats")
        self.bits, self.secret_rows, self.public_rows = 0, [], []

    def _new_bits(self, count):
        """The indexes of the next bits."""
        first, self.bits = self.bits, self.bits + count
        return range(first, self.bits)

    def split_counts(self, counts):
        """(counts by selection or None, blank ballots or None)."""
        return counts[: self.n], None

    def pairwise(self, counts):
        return None

    def method(self, counts):
        return self.METHOD

    def winners(self, counts):
        """Positions of those who have won and of those who are tied for the last seats."""
        return most_votes(self.split_counts(counts)[0], self.seats)

    def possible(self, counts, weight):
        """Whether ballots of this total weight can add up to these counts, as far as single counts tell."""
        return all(0 <= count <= weight * row.largest for count, row in zip(counts, self.secret_rows))

    def _known(self, ids):
        _require(len(set(ids)) == len(ids), "a selection is given twice")
        _require(set(ids) <= set(self.selections), "a selection is unknown")

    def encode(self, answer):
        raise NotImplementedError


class Choice(ContestType):
    """min..max of n selections, optionally a proved blank, optionally undervotes. Bits: options, slack, blank."""

    RULE = dict(blank=boolean, max=integer(1), min=integer(), seats=integer(1), undervotes=Optional(true))
    ANSWER = members(blank=boolean, selections=array(identifier))
    METHOD = "most votes"

    def __init__(self, rule, selections):
        super().__init__(rule, selections)
        self.blank, self.max, self.min = rule["blank"], rule["max"], rule["min"]
        _require_rule(self.min <= self.max <= self.n, "min and max")
        self.undervotes = bool(rule.get("undervotes"))
        _require_rule(self.min < self.max or not self.undervotes, "no undervotes are possible")
        # The rule's row is absent, and with it the slack, when every set of selections is allowed.
        free = self.min == 0 and self.max == self.n and not self.blank and not self.undervotes
        options = self._new_bits(self.n)
        self.slack = self._new_bits(0 if free else self.max - self.min)
        blank = self._new_bits(1 if self.blank else 0)
        self.secret_rows = [Row(((i, 1),)) for i in (*options, *blank)]
        if self.undervotes:
            self.secret_rows.append(Row(tuple((i, 1) for i in self.slack), largest=len(self.slack)))
        terms = [(i, 1) for i in (*options, *self.slack)] + [(i, self.max) for i in blank]
        self.public_rows = [] if free else [Row(tuple(terms), self.max)]

    def encode(self, answer):
        chosen = answer["selections"]
        self._known(chosen)
        if answer["blank"]:
            _require(self.blank and not chosen, "blank is not offered, or not alone")
            return [0] * (self.bits - 1) + [1]
        _require(len(chosen) <= self.max, "too many selections")
        _require(len(chosen) >= self.min, "too few selections")
        used = self.max - len(chosen)
        bits = [int(s in chosen) for s in self.selections]
        return bits + [int(i < used) for i in range(len(self.slack))] + [0] * self.blank

    def split_counts(self, counts):
        return counts[: self.n], counts[self.n] if self.blank else None

    def possible(self, counts, weight):
        votes, blank = self.split_counts(counts)
        marked = weight - (blank or 0)
        return 0 <= marked and max(votes) <= marked and self.min * marked <= sum(votes) <= self.max * marked


def digit_weights(m):
    """The weights of the digits of 0…m: powers of two, the last one cut so that they add up to m."""
    length = m.bit_length()
    return [2**i for i in range(length - 1)] + ([m - (2 ** (length - 1) - 1)] if length else [])


def digits(value, m):
    """The one encoding of a value of 0…m."""
    weights = digit_weights(m)
    if not weights:
        return []
    plain = len(weights) - 1
    last = int(value >= 2**plain)
    rest = value - last * weights[-1]
    return [rest >> i & 1 for i in range(plain)] + [last]


class Score(ContestType):
    """0…R for each option, with a limit L on the sum (0: none). Bits: digits by option, digits of the rest."""

    RULE = dict(limit=integer(), max=integer(1, 2**20), seats=integer(1))
    METHOD = "highest total score"

    def __init__(self, rule, selections):
        super().__init__(rule, selections)
        self.max, self.limit = rule["max"], rule["limit"]
        weights = digit_weights(self.max)
        for _ in selections:
            self.secret_rows.append(Row(tuple(zip(self._new_bits(len(weights)), weights)), largest=self.max))
        if self.limit:
            rest = digit_weights(self.limit)
            terms = [term for row in self.secret_rows for term in row.terms]
            self.public_rows.append(Row((*terms, *zip(self._new_bits(len(rest)), rest)), self.limit))

    @staticmethod
    def ANSWER(value):
        return members(scores=_numbers)(value)

    def encode(self, answer):
        scores = answer["scores"]
        self._known(list(scores))
        values = [scores.get(s, 0) for s in self.selections]
        _require(max(values) <= self.max, "a score is too high")
        bits = [bit for value in values for bit in digits(value, self.max)]
        if self.limit:
            _require(sum(values) <= self.limit, "the scores exceed the limit")
            bits += digits(self.limit - sum(values), self.limit)
        return bits

    def possible(self, counts, weight):
        return super().possible(counts, weight) and (not self.limit or sum(counts) <= self.limit * weight)


class Quadratic(ContestType):
    """v votes for an option cost v² of c credits. Bits: unary votes by option, digits of the unspent credits."""

    RULE = dict(credits=integer(1, 1_000_000), seats=integer(1))
    METHOD = "most votes, bought quadratically"

    def __init__(self, rule, selections):
        super().__init__(rule, selections)
        self.credits = rule["credits"]
        self.votes = isqrt(self.credits)
        terms = []
        for _ in selections:
            bits = self._new_bits(self.votes)
            self.secret_rows.append(Row(tuple((i, 1) for i in bits), largest=self.votes))
            terms += [(i, 2 * k - 1) for k, i in enumerate(bits, 1)]
        rest = digit_weights(self.credits)
        self.public_rows = [Row((*terms, *zip(self._new_bits(len(rest)), rest)), self.credits)]

    @staticmethod
    def ANSWER(value):
        return members(votes=_numbers)(value)

    def encode(self, answer):
        votes = answer["votes"]
        self._known(list(votes))
        values = [votes.get(s, 0) for s in self.selections]
        spent = sum(v * v for v in values)
        _require(spent <= self.credits, "the votes cost more than the credits")
        bits = [int(k < v) for v in values for k in range(self.votes)]
        return bits + digits(self.credits - spent, self.credits)

    def possible(self, counts, weight):
        # Cauchy and Schwarz: (Σ w·v)² ≤ Σ w · Σ w·v², and Σ v² ≤ c on each ballot.
        squares = sum(count * count for count in counts)
        return super().possible(counts, weight) and squares <= self.credits * weight**2


class Borda(ContestType):
    """Strict rankings of min…P places. Bits: x_{a,p}, e_p, o_a, u_p."""

    METHOD = "highest Borda score"

    @staticmethod
    def _first_place(value):
        if value not in ("n", "n-1"):
            raise Malformed("first_place is n or n-1")
        return value

    RULE = dict(first_place=_first_place, min=integer(), places=integer(1), seats=integer(1))
    ANSWER = members(ranking=array(identifier))

    def __init__(self, rule, selections):
        super().__init__(rule, selections)
        n, self.min, self.places = self.n, rule["min"], rule["places"]
        _require_rule(self.min <= self.places <= n, "places")
        self.first = first = n if rule["first_place"] == "n" else n - 1
        places = range(1, self.places + 1)
        x = {(a, p): i for (a, p), i in zip(((a, p) for a in range(n) for p in places), self._new_bits(n * self.places))}
        e = dict(zip(range(self.min + 1, self.places + 1), self._new_bits(self.places - self.min)))
        o = list(self._new_bits(n))
        steps = range(self.min + 1, self.places)
        u = dict(zip(steps, self._new_bits(len(steps))))
        self.secret_rows = [Row(tuple((x[a, p], first - p + 1) for p in places), largest=first) for a in range(n)]
        for p in places:
            empty = [(e[p], 1)] if p in e else []
            self.public_rows.append(Row((*((x[a, p], 1) for a in range(n)), *empty), 1))
        for a in range(n):
            self.public_rows.append(Row((*((x[a, p], 1) for p in places), (o[a], 1)), 1))
        for p in steps:
            self.public_rows.append(Row(((e[p + 1], 1), (e[p], -1), (u[p], -1)), 0))

    def encode(self, answer):
        ranking = answer["ranking"]
        self._known(ranking)
        _require(self.min <= len(ranking) <= self.places, "too few or too many places")
        placed = [ranking[p] if p < len(ranking) else None for p in range(self.places)]
        bits = [int(placed[p] == s) for s in self.selections for p in range(self.places)]
        empty = [int(placed[p] is None) for p in range(self.min, self.places)]
        unranked = [int(s not in ranking) for s in self.selections]
        return bits + empty + unranked + [later - earlier for earlier, later in zip(empty, empty[1:])]

    def possible(self, counts, weight):
        def points(places):
            return sum(self.first - p for p in range(places))

        in_all = points(self.min) * weight <= sum(counts) <= points(self.places) * weight
        return super().possible(counts, weight) and in_all


MAX_CONDORCET = 11


class Condorcet(ContestType):
    """Rankings with ties. Bits: P_ab by ordered pair, T_ab for a < b, one slack bit by ordered triple."""

    RULE = dict(seats=integer(1))
    ANSWER = members(ranking=array(array(identifier)))
    METHOD = "Schulze"

    def __init__(self, rule, selections):
        super().__init__(rule, selections)
        _require_rule(self.n <= MAX_CONDORCET, "at most 11 selections")
        self.pairs, self.triples = list(permutations(range(self.n), 2)), list(permutations(range(self.n), 3))
        self.unordered = [(a, b) for a, b in self.pairs if a < b]
        before = dict(zip(self.pairs, self._new_bits(len(self.pairs))))
        tied = dict(zip(self.unordered, self._new_bits(len(self.unordered))))
        slack = dict(zip(self.triples, self._new_bits(len(self.triples))))
        self.secret_rows = [Row(((before[pair], 1),)) for pair in self.pairs]
        for a, b in self.unordered:
            self.public_rows.append(Row(((before[a, b], 1), (before[b, a], 1), (tied[a, b], 1)), 1))
        for a, b, c in self.triples:
            terms = ((before[a, b], 1), (before[b, c], 1), (before[a, c], -1), (slack[a, b, c], -1))
            self.public_rows.append(Row(terms, 0))

    def encode(self, answer):
        ranked = [s for tier in answer["ranking"] for s in tier]
        self._known(ranked)
        _require(all(answer["ranking"]), "an empty rank")
        place = {s: i for i, tier in enumerate(answer["ranking"]) for s in tier}
        places = [place.get(s, len(self.selections)) for s in self.selections]

        def before(a, b):
            return int(places[a] < places[b])

        ties = [int(places[a] == places[b]) for a, b in self.unordered]
        slack = [before(a, b) + before(b, c) - before(a, c) for a, b, c in self.triples]
        return [before(a, b) for a, b in self.pairs] + ties + slack

    def split_counts(self, counts):
        return None, None

    def pairwise(self, counts):
        matrix = [[0] * self.n for _ in range(self.n)]
        for (a, b), count in zip(self.pairs, counts):
            matrix[a][b] = count
        return matrix

    def winners(self, counts):
        strength, everybody = path_strengths(self.pairwise(counts)), range(self.n)
        beaten = [sum(strength[a][b] > strength[b][a] for b in everybody) for a in everybody]
        beaters = [sum(strength[b][a] > strength[a][b] for b in everybody) for a in everybody]
        won = [a for a in everybody if self.n - beaten[a] <= self.seats]
        return won, [a for a in everybody if a not in won and beaters[a] < self.seats]

    def possible(self, counts, weight):
        m = self.pairwise(counts)
        pairs = all(m[a][b] + m[b][a] <= weight for a, b in self.unordered)
        return pairs and all(0 <= m[a][b] + m[b][c] - m[a][c] <= weight for a, b, c in self.triples)

    def method(self, counts):
        m = self.pairwise(counts)
        beats_all = any(all(m[a][b] > m[b][a] for b in range(self.n) if b != a) for a in range(self.n))
        return "Schulze; Condorcet winner" if beats_all else "Schulze"


def path_strengths(matrix):
    """Schulze 2011, section 2.3.1, with winning votes: the widest paths."""
    n = len(matrix)
    strength = [[matrix[a][b] if matrix[a][b] > matrix[b][a] else 0 for b in range(n)] for a in range(n)]
    for via in range(n):
        for a in range(n):
            for b in range(n):
                if len({a, b, via}) == 3:
                    strength[a][b] = max(strength[a][b], min(strength[a][via], strength[via][b]))
    return strength


def schulze_order(matrix):
    """Groups from first to last: each holds those whom nobody who is left beats."""
    strength, left, order = path_strengths(matrix), set(range(len(matrix))), []
    while left:
        group = [a for a in sorted(left) if not any(strength[b][a] > strength[a][b] for b in left)]
        order.append(group)
        left -= set(group)
    return order


TYPES = {"choice": Choice, "score": Score, "quadratic": Quadratic, "borda": Borda, "condorcet": Condorcet}


def _numbers(value):
    if not isinstance(value, dict):
        raise Malformed("expected numbers by selection")
    return {identifier(name): integer()(number) for name, number in value.items()}


def _typed(value, table):
    if not isinstance(value, dict) or value.get("type") not in TYPES:
        raise Malformed("no such contest type")
    kind = value["type"]
    return kind, table(TYPES[kind])({name: v for name, v in value.items() if name != "type"})


def parse_rule(value):
    """The checked rule of a contest, whatever its type."""
    kind, fields = _typed(value, lambda cls: members(**cls.RULE))
    return {"type": kind, **fields}


def parse_answer(value):
    """A filled-in contest as a file holds it."""
    kind, fields = _typed(value, lambda cls: cls.ANSWER)
    return {"type": kind, **fields}


def compile_contest(contest):
    """The contest of a parsed manifest, as an object of its type."""
    return TYPES[contest["rule"]["type"]](contest["rule"], [s["id"] for s in contest["selections"]])


class Relation:
    """A ballot style's bits and rows: contest by contest, secret rows before public rows."""

    def __init__(self, contests):
        self.contests = contests
        self.bits, secret, public = 0, [], []
        for contest in contests:
            secret += [row.shifted(self.bits) for row in contest.secret_rows]
            public += [row.shifted(self.bits) for row in contest.public_rows]
            self.bits += contest.bits
        self.secret, self.public, self.rows = secret, public, secret + public
        for row in self.rows:
            if sum(abs(w) for _, w in row.terms) + abs(row.value or 0) >= 2**52:
                raise Malformed("a row is too heavy")

    def digest(self):
        items = [self.bits, len(self.secret), len(self.rows)]
        for row in self.rows:
            items += [row.value or 0, len(row.terms)]
            for index, weight in row.terms:
                items += [index, weight]
        return labelled_hash("relation", *items)

    def encode(self, answers):
        """The bits of a filled-in ballot: one answer for each contest, in order."""
        return [bit for contest, answer in zip(self.contests, answers, strict=True) for bit in contest.encode(answer)]
