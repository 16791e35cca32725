"""Section 5 as rules of the record: ceremony messages, complaints, restarts."""

from . import ceremony
from .rejection import require

CEREMONY = ("trustee-commit", "trustee-reveal", "trustee-shares", "trustee-confirm", "trustee-rehearsal")
MAX_ATTEMPTS = 100


class Attempts:
    """The rules of `Record` for the key ceremony."""

    def _ceremony_message(self, entry):
        """The sender, after the rules that all phases of the ceremony share."""
        trustee = self._trustee(entry)
        require(entry["attempt"] == self.attempt, "V11", "attempt")
        require(not self.culprits(), "V11", "attempt-failed")
        phase = CEREMONY.index(entry.type)
        if phase:
            require(self._complete(CEREMONY[phase - 1]), "V11", "ceremony-order")
        require(trustee not in self.messages[entry.type], "V11", "already-sent")
        return trustee

    def _complete(self, kind):
        """Whether all who take part have sent this."""
        return len(self.messages[kind]) == len(self.active)

    def ceremony_complete(self):
        return self.manifest is not None and self._complete("trustee-rehearsal")

    def _in_order(self, kind):
        return [self.messages[kind][i] for i in self.active]

    def _trustee_commit(self, entry):
        self.messages[entry.type][self._ceremony_message(entry)] = entry

    def _trustee_reveal(self, entry):
        trustee, m = self._ceremony_message(entry), self.manifest
        commits = ceremony.commits_hash(self.fingerprint, self.attempt, [e["hash"] for e in self._in_order("trustee-commit")])
        require(entry["commits"] == commits, "V11", "commits")
        commitments = entry["commitments"]
        require(len(commitments) == m.row_count * m.quorum, "V11", "commitments-length")
        expected = ceremony.coefficients_hash(
            self.fingerprint, self.attempt, trustee, m.row_count, m.quorum, commitments
        )
        require(self.messages["trustee-commit"][trustee]["hash"] == expected, "V11", "commitments-hash")
        proved = ceremony.constant_terms_hold(
            self.fingerprint, self.attempt, trustee, commits, commitments, m.quorum, entry["proof"]
        )
        require(proved, "V11", "constant-terms")
        revealed = {**self.messages[entry.type], trustee: entry}
        if len(revealed) == len(self.active):
            keys = ceremony.Keys({i: revealed[i]["commitments"] for i in sorted(revealed)}, m.quorum)
            require(keys.acceptable(), "V12", "election-keys")
            self.keys = keys
        self.messages[entry.type] = revealed

    def _trustee_shares(self, entry):
        trustee, m = self._ceremony_message(entry), self.manifest
        packages = entry["packages"]
        others = [i for i in self.active if i != trustee]
        require([p["recipient"] for p in packages] == others, "V11", "recipients")
        seen = set(self.ephemerals)
        for package in packages:
            require(len(package["masked"]) == 32 * m.row_count, "V11", "package-length")
            encoded = package["ephemeral"].encode()
            require(encoded not in seen, "V11", "repeated-ephemeral")
            seen.add(encoded)
            require(ceremony.package_holds(self.fingerprint, self.attempt, trustee, package), "V11", "package-proof")
        self.ephemerals = seen
        self.messages[entry.type][trustee] = entry

    def _trustee_confirm(self, entry):
        trustee = self._ceremony_message(entry)
        kinds = [self._in_order(kind) for kind in CEREMONY[:3]]
        hashes = [[e.hash for e in three] for three in zip(*kinds)]
        expected = ceremony.ceremony_hash(self.fingerprint, self.attempt, hashes)
        require(entry["ceremony"] == expected, "V11", "ceremony-hash")
        self.ceremony = expected
        self.messages[entry.type][trustee] = entry

    def _trustee_rehearsal(self, entry):
        trustee = self._ceremony_message(entry)
        t = ceremony.rehearsal_transcript(self.fingerprint, self.ceremony, trustee)
        pad = ceremony.rehearsal_pad(self.fingerprint, self.ceremony)
        public = self.keys.shares[trustee]
        require(ceremony.shares_hold(t, public, [pad], [entry["shares"]], entry["proof"]), "V11", "share-proof")
        self.messages[entry.type][trustee] = entry

    # --- Section 5, "Complain" and "Restart" ------------------------------------------------------------------------

    def culprits(self):
        """Who was shown to cheat in the present attempt."""
        return sorted({culprit for _, attempt, _, _, culprit in self.complaints if attempt == self.attempt})

    def awaited(self):
        """Whose message of the present phase is missing; nobody when the attempt is complete or has failed."""
        kind = next((kind for kind in CEREMONY if not self._complete(kind)), None)
        if kind is None or self.culprits():
            return []
        return [i for i in self.active if i not in self.messages[kind]]

    def _trustee_complaint(self, entry):
        trustee, dealer, m = self._trustee(entry), entry["dealer"], self.manifest
        require(entry["attempt"] == self.attempt, "V32", "attempt")
        require(trustee not in self.messages["trustee-confirm"], "V32", "already-sent")
        require(self._complete("trustee-shares"), "V32", "ceremony-order")
        require(dealer in self.active and dealer != trustee, "V32", "no-package")
        before = [(c[1], c[2], c[3]) for c in self.complaints]
        require((self.attempt, trustee, dealer) not in before, "V32", "already-sent")
        packages = self.messages["trustee-shares"][dealer]["packages"]
        package = next(p for p in packages if p["recipient"] == trustee)
        key, shared = m.trustees[trustee - 1]["encryption_key"], entry["shared"]
        route = (self.fingerprint, self.attempt, dealer, trustee, key, package, shared)
        require(ceremony.complaint_holds(*route, entry["proof"]), "V32", "complaint-proof")
        commitments = self.messages["trustee-reveal"][dealer]["commitments"]
        right = ceremony.package_is_right(*route, commitments, m.quorum)
        self.complaints.append((self.index, self.attempt, trustee, dealer, trustee if right else dealer))

    def _ceremony_restart(self, entry):
        self._administrator(entry)
        require(entry["attempt"] == self.attempt + 1 <= MAX_ATTEMPTS, "V32", "restart")
        excluded, culprits = entry["excluded"], self.culprits()
        named = [e["trustee"] for e in excluded]
        require(named == sorted(set(named)), "V32", "restart")
        reason = "fault" if culprits else "absent"
        require(all(e["reason"] == reason for e in excluded), "V32", "restart")
        allowed = named == culprits if culprits else set(named) <= set(self.awaited())
        require(allowed, "V32", "restart", "it leaves out others than those who cheated or are awaited")
        remaining = [i for i in self.active if i not in named]
        require(len(remaining) >= self.manifest.agreement_quorum, "V32", "restart", "too few trustees remain")
        self.active, self.attempt = remaining, entry["attempt"]
        self.messages = {kind: {} for kind in CEREMONY}
        self.parts, self.part_bytes = {}, {}
        self.keys = self.ceremony = None
        self.restarts.append((self.index, entry))
