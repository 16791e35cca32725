"""Who may vote: the roll and re-issues (section 6), and spoiled ballots that voters publish (section 4.5)."""

from dataclasses import dataclass

from . import ballots, spoiled
from .encoding import labelled_hash
from .rejection import Rejection, require

SPOILED_BEYOND_CASTS = 10


@dataclass
class Voter:
    """A line of the roll, and the credential's last ballot."""

    style: str
    group: str
    weight: int
    counter: int = 0
    last: bytes = bytes(32)  # SHA-256 of the last ballot's entry
    counted: object = None  # the last ballot
    replaced: bool = False
    spoiled: int = 0  # published spoiled ballots


class Voters:
    """The rules of `Record` for roll, re-issues and published spoiled ballots."""

    def _roll_part(self, entry):
        require(self.roll_hash is None, "V13", "roll-complete")
        self._signed_by(self.manifest.registrar["key"], entry)
        require(entry["part"] == len(self.roll_parts), "V13", "roll-part-order")
        require(entry["entries"] != [], "V13", "empty-roll")
        last, added, ids = self.last_credential, {}, set()
        for line in entry["entries"]:
            encoded = line["credential"].encode()
            require(encoded > last, "V13", "roll-order")
            require(not line["credential"].is_identity(), "V13", "credential")
            require(line["group"] in self.manifest.group_ids, "V13", "unknown-group")
            require(line["style"] in self.manifest.relations, "V13", "unknown-style")
            require(line["weight"] >= 1, "V13", "roll-weight")
            public_id = ballots.public_id(line["credential"])
            require(public_id not in self.public_ids | ids, "V13", "public-id")
            ids.add(public_id)
            added[encoded] = Voter(line["style"], line["group"], line["weight"])
            last = encoded
        weight = self.roll_weight + sum(voter.weight for voter in added.values())
        require(weight <= self.manifest.max_total_weight, "V13", "roll-weight")
        self.roll_weight = weight
        self.voters.update(added)
        self.public_ids |= ids
        self.last_credential = last
        self.roll_parts.append(entry.hash)

    def _roll(self, entry):
        require(self.roll_hash is None, "V13", "roll-complete")
        self._signed_by(self.manifest.registrar["key"], entry)
        expected = labelled_hash("roll", self.fingerprint, len(self.roll_parts), *self.roll_parts)
        require(entry["parts"] == len(self.roll_parts) and entry["hash"] == expected, "V13", "roll-hash")
        require(entry["count"] == len(self.voters) > 0, "V13", "roll-count")
        require(entry["total_weight"] == self.roll_weight, "V13", "roll-weight")
        self.roll_hash = expected

    def _reissue(self, entry):
        self._signed_by(self.manifest.registrar["key"], entry)
        require(self.roll_hash is not None, "V30", "roll-missing")
        old, new = self.voters.get(entry["old"].encode()), entry["new"].encode()
        require(old is not None, "V30", "unknown-credential")
        require(not old.replaced, "V30", "replaced")
        require(old.counter == 0 and old.spoiled == 0, "V30", "has-voted")
        require(not entry["new"].is_identity(), "V30", "credential")
        require(new not in self.voters, "V30", "not-new")
        public_id = ballots.public_id(entry["new"])
        require(public_id not in self.public_ids, "V30", "public-id")
        old.replaced = True
        self.public_ids.add(public_id)
        self.voters[new] = Voter(old.style, old.group, old.weight)
        self.credentials_reissued += 1

    def _spoiled_ballot(self, entry):
        self._decoded(entry)
        voter = self.voters.get(entry["credential"].encode())
        require(voter is not None and not voter.replaced, "V31", "unknown-credential")
        require(entry["style"] == voter.style, "V31", "other-style")
        require((entry["counter"], entry["previous"]) == (voter.counter + 1, voter.last), "V31", "turn")
        limit = self.manifest.casts_per_credential + SPOILED_BEYOND_CASTS
        require(voter.spoiled < limit, "V31", "too-many-spoiled")
        try:
            ballot = spoiled.opened(self.contexts[voter.style], entry)
        except ballots.BallotError as error:
            raise Rejection("V31", "opening", str(error)) from None
        require(ballot.pad.encode() not in self.pads, "V31", "pad-occurred")
        self.pads.add(ballot.pad.encode())
        voter.spoiled += 1
        self.ballots_spoiled += 1
