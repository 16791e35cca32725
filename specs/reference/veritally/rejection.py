"""Why an entry may not enter a record: the check that it fails, and the stable code of section 2."""


class Rejection(ValueError):
    """An entry that may not enter the record.

    `check` is the number of verification.md, `fault` our name of what is wrong, `code` the stable code of section 2.
    """

    def __init__(self, check, fault, message=""):
        super().__init__(message or fault.replace("-", " "))
        self.check, self.fault = check, fault

    @property
    def code(self):
        return CODES.get(self.fault) or CODES_OF_CHECKS[self.check]


# The codes of section 2: by fault, else by check.
CODES = {
    "too-large": "too-large", "second-manifest": "second-manifest", "wrong-phase": "phase", "signature": "signature",
    "unknown-administrator": "unknown-administrator", "unknown-trustee": "unknown-trustee",
    "excluded": "excluded-trustee", "restart": "restart", "ballot-style": "ballot-style",
    "counter": "ballot-counter", "replaced-credential": "replaced-credential", "previous": "ballot-previous", "no-reason": "reason", "other-head": "agreement-head",
    "second-agreement": "second-agreement", "share-head": "share-head", "part-number": "part", "part-size": "part",
    "part-order": "part", "part-hash": "part", "part-message": "part", "too-many-parts": "part",
    "count-out-of-range": "result",
}  # fmt: skip
CODES_OF_CHECKS = {
    "V1": "manifest", "V30": "reissue", "V31": "spoiled-ballot", "V8": "not-canonical", "V29": "not-canonical", "V11": "ceremony", "V12": "ceremony", "V13": "roll",
    "V14": "opening", "V15": "extension", "V16": "ballot-form", "V17": "unknown-credential", "V19": "cast-limit",
    "V20": "repeated-pad", "V21": "ballot-proof", "V22": "tally-head", "V23": "closing", "V26": "share", "V25": "result",
    "V27": "result", "V32": "ceremony",
}  # fmt: skip


def require(holds, check, fault, message=""):
    if not holds:
        raise Rejection(check, fault, message)
