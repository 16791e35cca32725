"""The cases of specs/vectors/: one function for each file, deterministic from fixed seeds."""

from . import disputes, logs, officials, parts, primitives, records, voting

TOPICS = {
    "generators": primitives.generators,
    "hashing": primitives.hashing,
    "transcripts": primitives.transcripts,
    "encodings": primitives.encodings,
    "canonical": primitives.canonical_forms,
    "signatures": primitives.signatures,
    "credentials": voting.credentials,
    "contests": voting.contest_rules,
    "encryption": voting.encryption,
    "ballots": voting.ballot_proofs,
    "manifests": officials.manifests,
    "ceremony": officials.key_ceremony,
    "disputes": disputes.disputes,
    "shares": officials.share_proofs,
    "tally": officials.tallies,
    "log": logs.merkle_log,
    "record": records.whole_record,
    "parts": parts.split_messages,
}
