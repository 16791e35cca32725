"""What the cases of a whole record share: entries that are judged by the state that those before them lead to."""

import json

from veritally.record import Record, Rejection


class Faults:
    """Collects the refused entries; each is judged by the state that the entries before it lead to."""

    def __init__(self, election):
        self.e, self.cases = election, []
        self.types = [json.loads(d)["type"].removesuffix("/v1") for d in election.entries]
        self.states = [Record()]
        for data in election.entries:
            self.states.append(self.states[-1].copy())
            self.states[-1].apply(data)

    def after(self, count, entries):
        """The state after the first `count` entries of the record and these."""
        record = self.states[count].copy()
        for data in entries:
            record.apply(data)
        return record

    def at(self, kind, nth=0):
        """The index of the nth entry of this type."""
        return [i for i, t in enumerate(self.types) if t == kind][nth]

    def value(self, index, **changed):
        value = {k: v for k, v in json.loads(self.e.entries[index]).items() if k != "signature"}
        return {**value, **changed}

    def refused(self, name, after, *entries):
        """After the first `after` entries all of `entries` but the last are admitted; the last is refused."""
        record = self.after(after, entries[:-1])
        try:
            record.apply(entries[-1])
        except Rejection as rejection:
            verdict = {"check": rejection.check, "code": rejection.code}
        else:
            raise AssertionError(f"admitted: {name}")
        self.cases.append({"kind": "refused", "name": name, "after": after, "entries": [d.decode() for d in entries], **verdict})

    def admitted(self, name, after, *entries, phase):
        record = self.after(after, entries)
        assert record.phase == phase, (name, record.phase)
        evidence = len(record.bad_shares)
        self.cases.append(
            {"kind": "admitted", "name": name, "after": after, "entries": [d.decode() for d in entries], "phase": phase, "bad_shares": evidence}
        )
