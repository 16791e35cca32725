"""Veritally protocol, version 1: the second implementation, written from specs/ and sharing nothing with the Rust code.

One module for each part of the specification; standard library only. Readable before fast, and NOT constant-time:
it verifies public records and makes test vectors. Never feed it a real election's secrets.

Start reading at `record.py` (what may enter a log) and `checks.py` (the numbered checks of specs/verification.md).
"""
