"""Contest types: each answer has one encoding, and the rows accept exactly the permitted bits."""

import sys
import unittest
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from veritally import contests

RULES = [
    ({"type": "choice", "blank": False, "max": 1, "min": 1, "seats": 1}, 4, 4),
    ({"type": "choice", "blank": True, "max": 2, "min": 1, "seats": 1}, 3, 7),
    ({"type": "choice", "blank": True, "max": 3, "min": 0, "seats": 1}, 3, 9),
    ({"type": "choice", "blank": False, "max": 3, "min": 0, "seats": 1}, 3, 8),
    ({"type": "score", "limit": 0, "max": 4, "seats": 1}, 2, 25),
    ({"type": "score", "limit": 5, "max": 3, "seats": 1}, 2, 15),
    ({"type": "quadratic", "credits": 9, "seats": 1}, 2, 11),
    ({"type": "borda", "first_place": "n", "min": 1, "places": 2, "seats": 1}, 3, 9),
    ({"type": "borda", "first_place": "n-1", "min": 0, "places": 3, "seats": 1}, 3, 16),
    ({"type": "borda", "first_place": "n", "min": 3, "places": 3, "seats": 1}, 3, 6),
    ({"type": "condorcet", "seats": 1}, 3, 13),
]


def compiled(rule, n):
    return contests.TYPES[rule["type"]](contests.parse_rule(rule), [f"s{i}" for i in range(n)])


def accepted_values(contest):
    """The tuples of secret values over all bits that keep the public rows (brute force, depth first)."""
    found, rows = set(), contest.public_rows
    for bits in product((0, 1), repeat=contest.bits):
        if all(row.of(bits) == row.value for row in rows):
            found.add(tuple(row.of(bits) for row in contest.secret_rows))
    return found


class Rows(unittest.TestCase):
    def test_the_rows_accept_exactly_the_permitted_answers(self):
        for rule, n, meanings in RULES:
            contest = compiled(rule, n)
            if contest.bits > 16:
                continue
            with self.subTest(rule=rule):
                self.assertEqual(len(accepted_values(contest)), meanings)

    def test_every_answer_keeps_the_rows(self):
        for rule, n, _ in RULES:
            contest = compiled(rule, n)
            for answer in answers(rule, n):
                try:
                    bits = contest.encode(answer)
                except contests.InvalidAnswer:
                    continue
                with self.subTest(rule=rule, answer=answer):
                    self.assertEqual(len(bits), contest.bits)
                    self.assertTrue(set(bits) <= {0, 1})
                    for row in contest.public_rows:
                        self.assertEqual(row.of(bits), row.value)

    def test_as_many_encodings_as_meanings(self):
        for rule, n, meanings in RULES:
            contest, seen = compiled(rule, n), set()
            for answer in answers(rule, n):
                try:
                    seen.add(tuple(contest.encode(answer)))
                except contests.InvalidAnswer:
                    pass
            with self.subTest(rule=rule):
                self.assertEqual(len(seen), meanings)

    def test_digits(self):
        for m in range(1, 40):
            weights = contests.digit_weights(m)
            self.assertEqual(sum(weights), m)
            for value in range(m + 1):
                bits = contests.digits(value, m)
                self.assertTrue(set(bits) <= {0, 1})
                self.assertEqual(sum(w * b for w, b in zip(weights, bits)), value)


def answers(rule, n):
    ids = [f"s{i}" for i in range(n)]
    match rule["type"]:
        case "choice":
            for bits in product((0, 1), repeat=n):
                for blank in (False, True):
                    yield {"blank": blank, "selections": [s for s, b in zip(ids, bits) if b]}
        case "score":
            for values in product(range(rule["max"] + 2), repeat=n):
                yield {"scores": dict(zip(ids, values))}
        case "quadratic":
            for values in product(range(5), repeat=n):
                yield {"votes": dict(zip(ids, values))}
        case "borda":
            from itertools import permutations

            for length in range(n + 1):
                for ranking in permutations(ids, length):
                    yield {"ranking": list(ranking)}
        case "condorcet":
            for places in product(range(n), repeat=n):
                tiers = [[s for s, p in zip(ids, places) if p == tier] for tier in range(n)]
                yield {"ranking": [tier for tier in tiers if tier]}


class Outcomes(unittest.TestCase):
    def test_ties_for_the_last_seat_win_nothing(self):
        self.assertEqual(contests.most_votes([3, 5, 3, 1], 2), ([1], [0, 2]))
        self.assertEqual(contests.most_votes([3, 5, 4, 1], 2), ([1, 2], []))
        self.assertEqual(contests.most_votes([0, 0], 2), ([0, 1], []))

    def test_the_example_of_schulzes_paper(self):
        # Schulze 2011, section 3.1: 45 voters, E > A > C > B > D.
        ballots = "5 ACBED 5 ADECB 8 BEDAC 3 CABED 7 CAEBD 2 CBADE 7 DCEBA 8 EBADC".split()
        matrix = [[0] * 5 for _ in range(5)]
        for count, order in zip(ballots[::2], ballots[1::2]):
            for i, a in enumerate(order):
                for b in order[i + 1 :]:
                    matrix["ABCDE".index(a)]["ABCDE".index(b)] += int(count)
        self.assertEqual(contests.schulze_order(matrix), [[4], [0], [2], [1], [3]])


if __name__ == "__main__":
    unittest.main()
