"""What the tests on the small election of scripts/lib/app share: its files, and apps on it."""

import csv
import pathlib
import sys

from app import App
from hands import Hands

PROGRAM, WORK, SHOTS = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
LINK = (WORK / "link").read_text().strip()
CODES = [row["code"] for row in csv.DictReader(open(WORK / "codes.csv"))]


def state(name):
    folder = WORK / name
    folder.mkdir(exist_ok=True)
    return folder


def started(display, name, arguments=(), **options):
    return App(PROGRAM, display, arguments, state(name), shots=SHOTS, label=name, **options)


def compared(app):
    """Says that the fingerprint is the letter's."""
    hands = Hands(app)
    app.see("Is this the fingerprint on your letter?", 60)
    hands.press("Yes, it is the same")
    return hands
