"""Votes with the app on a real election that has a contest of every type, and looks at the result. Called by
scripts/lib/app; phases: cast, after, lie."""

import csv
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from app import App, Atspi  # noqa: E402
from display import Display, wait_for  # noqa: E402
from hands import CONFIRMATION, Hands, Keys, drag, enter, hurry, open_mine, receipt, said, save, seal  # noqa: E402
from liar import Liar  # noqa: E402

PROGRAM, WORK, SHOTS = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
LINK = (WORK / "link").read_text().strip()
CODES = [row["code"] for row in csv.DictReader(open(WORK / "codes.csv"))]
BOARD_KEY = json.loads((WORK / "manifest.json").read_text())["log"]["key"]

NAME = "Choir: election with every kind of question"

#: What the voters mark; contests in the order of the ballot.
BALLOTS = [
    dict(president="Ada", board=["Dana", "Emil"], tours=["Lisbon"], songs={"Greensleeves": 5, "Shenandoah": 2},
         funds={"Scores": 4, "Robes": 6}, projects={"Concert": 4}, soloists=["Hana", "Jun"], hall=["Barn", "Attic"]),
    dict(president=None, board=["Emil"], tours=[], songs={"Greensleeves": 3}, funds={"Travel": 10},
         projects={"Concert": 2, "Workshop": 3}, soloists=["Jun", "Hana", "Kim"], hall=["Chapel", "Barn", "Attic"]),
    dict(president="Ada", board=["Fay"], tours=["Athens", "Tallinn"], songs={"Shenandoah": 1}, funds={"Robes": 1},
         projects={"Recording": 1}, soloists=["Jun"], hall=["Barn", "Chapel"]),
]
COUNTS = {
    "president": {"Ada": 2, "Ben": 0, "Cleo": 0}, "board": {"Dana": 1, "Emil": 2, "Fay": 1, "Gus": 0},
    "tours": {"Lisbon": 1, "Tallinn": 1, "Athens": 1}, "songs": {"Greensleeves": 8, "Shenandoah": 3},
    "funds": {"Scores": 4, "Robes": 7, "Travel": 10}, "projects": {"Concert": 6, "Workshop": 3, "Recording": 1},
    "soloists": {"Hana": 7, "Ivo": 0, "Jun": 11, "Kim": 2},
}


def state(name):
    folder = WORK / name
    folder.mkdir(exist_ok=True)
    return folder


def fill(app, hands, ballot):
    """All contests, each with the control of its type."""
    app.see("Page 1 of 8", 60)
    app.shot("4-choice-empty")
    hands.check(ballot["president"] or "Blank vote: none of these")
    if ballot["president"] is None:
        app.see("You vote blank.")
    app.shot("4-choice")
    hands.press("Continue")
    app.see("Page 2 of 8")
    for name in ballot["board"]:
        hands.check(name)
    if len(ballot["board"]) == 2 and not isinstance(hands, Keys):
        hands.check("Gus")
        app.see("Only 2 are allowed")
        app.shot("4-several-refused")
        hands.check("Emil")
        hands.check("Emil")
    app.shot("4-several")
    hands.press("Continue")
    app.see("Page 3 of 8")
    for name in ballot["tours"]:
        hands.check(name)
    if not ballot["tours"]:
        app.see("you then have no say in this contest")
    app.shot("4-approval")
    hands.press("Continue")
    app.see("Page 4 of 8")
    for name, value in ballot["songs"].items():
        hands.number(f"Score for {name}", value)
    app.shot("4-score")
    hands.press("Continue")
    app.see("Page 5 of 8")
    for name, value in ballot["funds"].items():
        hands.number(f"Score for {name}", value)
    app.shot("4-score-limited")
    hands.press("Continue")
    app.see("Page 6 of 8")
    for name, value in ballot["projects"].items():
        hands.number(f"Votes for {name}", value)
    if ballot["projects"] == {"Concert": 4}:
        app.see("0 of 16 credits left.")
    app.shot("4-quadratic")
    hands.press("Continue")
    app.see("Page 7 of 8")
    rank(app, hands, ballot["soloists"])
    if ballot["soloists"] == ["Hana", "Jun"]:
        first = lambda name: elsewhere(app, name, f"Move {name} up. {name} is in place 2")  # noqa: E731
        drag(app, "Jun", "Hana")
        wait_for("Jun in front, by dragging", lambda: first("Jun"))
        drag(app, "Hana", "Jun")
        wait_for("Hana in front again", lambda: first("Hana"))
    app.shot("4-borda")
    hands.press("Continue")
    app.see("Page 8 of 8")
    rank(app, hands, ballot["hall"])
    if len(ballot["hall"]) == 3:
        hands.press("Put Attic on the same place as the one above")
        app.get("Give Attic a place of its own")
        app.shot("4-condorcet-tied")
        hands.press("Give Attic a place of its own")
        app.get("Put Attic on the same place as the one above")
    app.shot("4-condorcet")
    hands.press("Continue")
    app.see("Check your ballot")
    app.shot("5-review")


def rank(app, hands, order):
    """The last first, then each moved up to its place: by Alt+Up with the keyboard, else by the buttons."""
    for name in reversed(order):
        hands.press(f"Rank {name} next")
        app.get(f"Move {name} up")
        while True:
            node = app.get(f"Move {name} up")
            if not node.get_state_set().contains(Atspi.StateType.SENSITIVE):
                break
            where = node.get_description()
            if isinstance(hands, Keys):
                app.go_to(f"Take {name} out of your order", "push button")
                app.key("alt+Up")
            else:
                hands.press(f"Move {name} up")
            wait_for("another place", lambda: elsewhere(app, name, where))


def elsewhere(app, name, where):
    """Whether a row stands on another place; rows are made anew when one moves."""
    node = app.find(f"Move {name} up")
    return node is not None and node.get_description() not in (where, "")


def follow(app, hands):
    """From the receipt to the election, and to the list."""
    hands.press("Follow the election")
    app.see("In the box: seen there just now", 60)
    app.see("voters have voted.")
    app.shot("9-status")
    app.key("alt+Left")
    app.see("Vote, and see that it counts")
    app.shot("1-elections-known")


def check_elsewhere(test, code):
    """Ballots that are more than choices are checked by the programs without a screen, too."""
    tools, opened = pathlib.Path(PROGRAM).parent, json.loads(test.read_text())
    for command in (["veritally-voter", "--state", str(state("elsewhere")), "check-spoiled", test, "--link", LINK],
                    ["veritally-verifier", "spoiled", test, LINK]):
        command = [tools / command[0], *command[1:], "--code", opened["code"]]
        assert code in subprocess.run(command, check=True, capture_output=True, text=True).stdout
    opened["selections"]["songs"]["scores"]["greensleeves"] = 4
    lie = test.with_name("lie.json")
    lie.write_text(json.dumps(opened))
    refused = subprocess.run([tools / "veritally-verifier", "spoiled", lie, LINK], capture_output=True, text=True)
    assert refused.returncode == 1, refused


def cast(display, board):
    # 1: light, a full vote.
    with App(PROGRAM, display, [], state("voter-1"), shots=SHOTS, label="light") as app:
        hands = Hands(app)
        app.see("Vote, and see that it counts")
        app.shot("1-elections")
        hands.text("Link to the election", "veritally://nowhere")
        hands.press("Open the election")
        app.see("This is not a link to an election")
        hands.text("Link to the election", LINK)
        hands.press("Open the election")
        enter(app, hands, CODES[0], LINK, BOARD_KEY)
        normal = app.height(NAME)
        fill(app, hands, BALLOTS[0])
        code = seal(app, hands)
        hands.press("Cast this ballot")
        receipt(app, code)
        hands.press("Print the receipt (PDF)…")
        save(app, state("voter-1") / "receipt.pdf", b"%PDF")
        hands.press("Save the receipt…")
        save(app, state("voter-1") / "receipt.tlog-proof", b"c2sp.org/tlog-proof@v1\n")
        follow(app, hands)
        said(app)
    # 2: large text, a test first; the server does not answer for a while.
    with App(PROGRAM, display, [LINK], state("voter-2"), shots=SHOTS, label="large", large=True) as app:
        hands = Hands(app)
        enter(app, hands, CODES[1], LINK, BOARD_KEY)
        large = app.height(NAME)
        assert large > 1.7 * normal, f"at 200 % the text is {large} high, else {normal}"
        fill(app, hands, BALLOTS[1])
        tested = seal(app, hands)
        hands.press("Test this ballot instead")
        app.see("Test ballot", 60)
        if tested not in app.texts():
            app.fail("the test shows another code")
        app.shot("7-tested")
        hands.press("Save the test ballot…")
        save(app, state("voter-2") / "test.json", b'"seed"')
        hands.press("Vote now: encrypt a fresh ballot")
        app.see("Your ballot is encrypted", 60)
        code = next(text for text in app.texts() if CONFIRMATION.match(text))
        if code == tested:
            app.fail("the fresh ballot has the tested one's code")
        os.kill(board, signal.SIGSTOP)
        try:
            hands.press("Cast this ballot")
            app.see("Your ballot is waiting to be sent", 60)
            app.shot("8-queued")
        finally:
            os.kill(board, signal.SIGCONT)
        hurry(app)
        receipt(app, code)
        follow(app, hands)
        said(app)
    check_elsewhere(WORK / "voter-2/test.json", tested)
    # 3: dark, keyboard only.
    with App(PROGRAM, display, [LINK], state("voter-3"), shots=SHOTS, label="dark", dark=True) as app:
        hands = Keys(app)
        enter(app, hands, CODES[2], LINK, BOARD_KEY)
        fill(app, hands, BALLOTS[2])
        code = seal(app, hands)
        hands.press("Cast this ballot")
        receipt(app, code)
        follow(app, hands)
        said(app)
    # Practice, in another language, high contrast: everything but the network.
    with App(PROGRAM, display, ["--practice"], state("practice"), shots=SHOTS, label="german", language="de",
             contrast=True) as app:
        app.see("Fingerabdruck", 60)
        app.shot("2-fingerprint")
        app.press("Ja, es ist derselbe")
        app.press("Für mich eintippen")
        app.press("Weiter")
        wait_for("the first contest", lambda: app.shows("Seite 1 von"))
        app.shot("4-contest")


def after(display, _):
    with App(PROGRAM, display, [], state("voter-1"), shots=SHOTS, label="light") as app:
        open_mine(app)
        app.see("Counted: the result is there", 60)
        app.shot("9-status-counted")
        app.press("Show the result")
        app.see("Counted: your ballot is in this result.", 120)
        app.see("All checks passed on this computer: 3 ballots were counted.")
        texts = app.texts()
        for contest, counts in COUNTS.items():
            for name, count in counts.items():
                at = [i for i, text in enumerate(texts) if text == name]
                assert any(str(count) in texts[i + 1:i + 4] for i in at), f"{contest}: {name} should have {count}"
        app.shot("10-result")
        print("every count on the result page is the one that was voted")
        app.press("For experts")
        app.see("V27 Result: pass")
        said(app)
    for voter, label, options in ((2, "large", {"large": True}), (3, "dark", {"dark": True})):
        with App(PROGRAM, display, [], state(f"voter-{voter}"), shots=SHOTS, label=label, **options) as app:
            open_mine(app)
            app.press("Show the result", seconds=60)
            app.see("Counted: your ballot is in this result.", 120)
            app.shot("10-result")
            said(app)
    recount(display)


def recount(display):
    """A server that shows another ballot to who counts again: signed heads and hashes stay what they were."""
    address = LINK.removeprefix("veritally://").split("/")[0]
    liar = Liar(address, "every-type")
    liar.trick = "other ballot"
    shutil.copytree(WORK / "voter-3", WORK / "recount", ignore=shutil.ignore_patterns("config"))
    link = next((WORK / "recount").rglob("link"))
    link.write_text(link.read_text().replace(address, liar.address))
    with App(PROGRAM, display, [], state("recount"), shots=SHOTS, label="light") as app:
        open_mine(app)
        app.press("Show the result", seconds=60)
        app.see("The record does not hold", 120)
        app.see("Don’t believe a result that comes from it")
        app.see("Open the folder with the evidence")
        assert not app.shows("Elected:")
        app.shot("11-recount")
        app.press("Look at the election all the same")
        app.see("voters have voted.")
        app.press("Back")
        app.see("Caught breaking the rules")
        said(app)
    assert list((WORK / "recount/data").rglob("evidence.json")), "no evidence was kept"
    liar.close()


def lie(display, _):
    with App(PROGRAM, display, [], state("voter-1"), shots=SHOTS, label="light") as app:
        app.see("Caught breaking the rules", 60)
        app.shot("1-elections-alarm")
        open_mine(app)
        app.see("There are two versions of the box")
        app.see("Open the folder with the evidence")
        app.shot("11-warning")
        app.press("Look at the election all the same")
        app.see("The box right now")
        app.see("A server was caught breaking the rules.")
        app.shot("9-status-alarm")
        said(app)
    assert list((WORK / "voter-1/data").rglob("*vidence*")), "no evidence was kept"


def main():
    phase = sys.argv[4]
    board = int(sys.argv[5]) if len(sys.argv) > 5 else 0
    SHOTS.mkdir(parents=True, exist_ok=True)
    with Display(WORK / "screen") as display:
        {"cast": cast, "after": after, "lie": lie}[phase](display, board)


if __name__ == "__main__":
    main()
