"""Sections 4.4 and 7: the running tally, its digest, and the cells that may be decrypted."""

from collections import Counter
from dataclasses import dataclass

from .encoding import labelled_hash
from .group import IDENTITY, point_sum


class Sum:
    """Pad and data of the counted ballots of one (group, style)."""

    def __init__(self, rows):
        self.ballots, self.pad, self.data = 0, IDENTITY, [IDENTITY] * rows

    def add(self, pad, data, weight, sign=1):
        self.ballots += sign
        factor = sign * weight
        self.pad = _plus(self.pad, factor, pad)
        self.data = [_plus(total, factor, part) for total, part in zip(self.data, data, strict=True)]


def _plus(total, factor, point):
    if factor == 1:
        return total + point
    return total - point if factor == -1 else total + factor * point


class EncryptedTally:
    """(group, style) → `Sum`, in manifest order; and who was counted: (group, style) → weight → credentials."""

    def __init__(self, groups, styles):
        """`styles` maps a style's id to its number of secret rows, in manifest order."""
        self.sums = {(group, style): Sum(rows) for group in groups for style, rows in styles.items()}
        self.counted = {cell: Counter() for cell in self.sums}

    def add(self, group, style, pad, data, weight):
        self.sums[group, style].add(pad, data, weight)
        self.counted[group, style][weight] += 1

    def subtract(self, group, style, pad, data, weight):
        self.sums[group, style].add(pad, data, weight, -1)
        self.counted[group, style][weight] -= 1

    @property
    def ballots(self):
        return sum(s.ballots for s in self.sums.values())

    def digest(self):
        items = [self.ballots]
        for s in self.sums.values():
            items += [s.ballots, s.pad, len(s.data), *s.data]
        return labelled_hash("tally", *items)


@dataclass
class Cell:
    """A contest in a set of reporting groups: what is decrypted."""

    groups: list
    weights: Counter  # weight → distinct counted credentials

    @property
    def ballots(self):
        return sum(self.weights.values())

    @property
    def total_weight(self):
        return sum(weight * count for weight, count in self.weights.items())

    def stands(self, floor, weights_may_identify):
        occurring = [count for count in self.weights.values() if count]
        if weights_may_identify:
            return not occurring or sum(occurring) >= floor
        return all(count >= floor for count in occurring)


def cells(parts, floor, weights_may_identify):
    """The cells of a contest, or None when it is withheld. `parts`: for each group in manifest order, weight → count."""
    done, current = [], None
    for group, weights in parts:
        current = Cell((current.groups if current else []) + [group], (current.weights if current else Counter()) + weights)
        if current.stands(floor, weights_may_identify):
            done.append(current)
            current = None
    while current is not None:
        # The last cell fails: it merges with the one before it.
        if not done:
            return None
        before = done.pop()
        merged = Cell(before.groups + current.groups, before.weights + current.weights)
        current = None if merged.stands(floor, weights_may_identify) else merged
        if current is None:
            done.append(merged)
    return done


def contest_cells(tally, groups, styles, floor, weights_may_identify):
    """The cells of the contest that these styles hold."""
    parts = [(g, sum((tally.counted[g, s] for s in styles), Counter())) for g in groups]
    return cells(parts, floor, weights_may_identify)


def cell_sum(tally, cell, styles):
    """(pad, data by row of the contest); `styles` maps a style to the positions of the contest's rows in its data."""
    parts = [(tally.sums[group, style], positions) for group in cell.groups for style, positions in styles.items()]
    rows = len(next(iter(styles.values())))
    data = [point_sum(s.data[positions[row]] for s, positions in parts) for row in range(rows)]
    return point_sum(s.pad for s, _ in parts), data
