"""Pages that a voter meets when something is not as usual, dialogs, and the languages; on the small election of
trust.py. Called by scripts/lib/app."""

import csv
import os
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from app import Atspi  # noqa: E402
from display import Display, wait_for  # noqa: E402
from hands import Hands, open_mine, said  # noqa: E402
from liar import Liar  # noqa: E402
from small import CODES, LINK, PROGRAM, SHOTS, WORK, started, state  # noqa: E402

BOARD = LINK.removeprefix("veritally://").split("/")[0]
STRANGER = next(csv.DictReader(open(WORK / "other/codes.csv")))["code"]
#: The fifth voter has a newer letter.
REPLACED, BEGUN, LIVE = CODES[4:7]


def cast_elsewhere(code, selection):
    """With the program without a screen, on what is another device."""
    environment = dict(os.environ, VERITALLY_CODE=code)
    subprocess.run([str(pathlib.Path(PROGRAM).parent / "veritally-voter"), "--state", str(state("elsewhere")), "cast",
                    "--link", LINK, "--choose", f"committee={selection}", "--yes"],
                   env=environment, check=True, stdout=subprocess.DEVNULL)


def to_the_code(app, hands):
    app.see("Is this the fingerprint on your letter?", 60)
    hands.press("Yes, it is the same")
    app.see("Type the code from your letter")


def enter(app, hands, code):
    to_the_code(app, hands)
    hands.text("Voting code", code)
    app.see("The code is complete and well typed.")
    hands.press("Continue")


def letters(display):
    """Another fingerprint, a lost code, one of another election, one that was replaced, an unknown election."""
    with started(display, "letters", [LINK]) as app:
        hands = Hands(app)
        app.see("Is this the fingerprint on your letter?", 60)
        hands.press("No, it is different")
        app.see("This is not your election")
        app.see("If the fingerprint still differs, don’t vote, and tell Registrar.")
        app.shot("11-other-fingerprint")
        hands.press("Back to my elections")
        hands.text("Link to the election", LINK)
        hands.press("Open the election")
        to_the_code(app, hands)
        app.press("I have lost my code")
        app.see("Ask Registrar: they can replace a lost code")
        app.shot("3-code-lost")
        for code, words, name in ((STRANGER, "but it is not on this election’s list", "not-on-roll"),
                                  (REPLACED, "another letter with a new code was issued to you", "replaced")):
            hands.text("Voting code", code)
            app.see("The code is complete and well typed.")
            hands.press("Continue")
            app.see(words, 60)
            app.shot(f"3-code-{name}")
        menu(app, "My elections")
        hands.text("Link to the election", f"veritally://{BOARD}/nothing")
        hands.press("Open the election")
        app.see("The server does not know this election", 60)
        app.shot("12-problem")
        said(app)


def menu(app, item):
    """Opens the main menu, and chooses."""
    app.key("F10")
    app.get(item, "menu item")
    if item == "My elections":
        # Reaches over the window's side, and would close if that changed.
        app.display.screenshot(SHOTS / f"{app.label}-0-menu.png", 800, 900)
        assert not app.unnamed(), app.unnamed()
    app.press(item, "menu item")


def question(app, words="If you leave this ballot now, they are gone."):
    app.see("You have not voted yet")
    app.see(words)


def answer(app, button, closes=False):
    # libadwaita 1.2 says the words twice.
    app.press(f"{button} {button}")
    # GTK 4.8 breaks off when it is asked about a window that is just closing.
    time.sleep(0.5)
    if not closes:
        wait_for("the question's end", lambda: not app.shows("You have not voted yet"))
        app.focus()


def begun(display):
    """A ballot that was begun is given up only when that is meant; apps with another --state are apart."""
    with started(display, "begun", [LINK]) as app:
        hands = Hands(app)
        with started(display, "beside") as other:
            other.see("Vote, and see that it counts")
            other.quit()
        app.focus()
        enter(app, hands, BEGUN)
        app.see("Page 1 of 1", 60)
        hands.check("Amara")
        app.again(LINK)
        question(app)
        app.shot("0-question")
        answer(app, "Stay")
        for item in ("Practice election", "Check a test ballot", "My elections"):
            menu(app, item)
            question(app)
            answer(app, "Stay")
        assert app.get("Amara", "check box").get_state_set().contains(Atspi.StateType.CHECKED)
        app.again(LINK)
        question(app)
        answer(app, "Leave this ballot")
        enter(app, hands, BEGUN)
        app.see("Page 1 of 1", 60)
        assert not app.get("Amara", "check box").get_state_set().contains(Atspi.StateType.CHECKED)
        hands.check("Bruno")
        # The same code is used on another device.
        cast_elsewhere(BEGUN, "chiara")
        hands.press("Continue")
        hands.press("Encrypt my ballot")
        app.see("Your ballot is encrypted", 60)
        hands.press("Cast this ballot")
        app.see("You have voted on another device", 60)
        app.shot("12-voted-elsewhere")
        hands.press("It was me: go on")
        app.see("Check your ballot", 60)
        app.see("You have voted before. If you cast this ballot, it replaces the earlier one, and only this one counts.")
        app.see("Bruno")
        app.shot("5-review-again")
        app.key("ctrl+q")
        question(app, "If you close the app now, they are gone.")
        app.shot("0-question-close")
        answer(app, "Close", closes=True)
        assert app.process.wait(timeout=20) == 0


def live(display):
    """Turnout rises and the running tally is told while the page is shown."""
    with started(display, "live", [LINK]) as app:
        hands = Hands(app)
        app.see("Is this the fingerprint on your letter?", 60)
        app.key("alt+Left")
        app.see("Voting is open")
        open_mine(app)
        app.see("voters have voted.", 60)
        before = voted(app)
        cast_elsewhere(LIVE, "elif")
        wait_for("another voter on the page", lambda: voted(app) == before + 1, 20)
        wait_for("the running tally's size", lambda: app.shows("Running tally: 6 encrypted sums, 224 bytes"), 20)
        app.shot("9-status-live")
        hands.press("Vote")
        app.see("Is this the fingerprint on your letter?", 60)
        app.quit()


def voted(app):
    found = next((re.match(r"(\d+) of 8 voters have voted", text) for text in app.texts() if "voters have voted" in text), None)
    return int(found[1]) if found else None


def clocks(display):
    """A clock that is off, and an election that is over."""
    liar = Liar(BOARD, "committee")
    link = LINK.replace(BOARD, liar.address)
    liar.trick = "clock"
    with started(display, "clock", [link]) as app:
        app.see("This computer’s clock differs from the server’s", 60)
        app.shot("2-clock")
        liar.trick = "closed"
        app.again(link)
        wait_for("the right clock", lambda: app.find("Yes, it is the same") and not app.shows("This computer’s clock"), 60)
        app.press("Yes, it is the same")
        app.see("Voting has ended", 60)
        app.shot("12-closed")
        app.quit()
    liar.close()


def about(display):
    """Windows that the menu opens."""
    with started(display, "about") as app:
        menu(app, "About Veritally")
        app.see("The Veritally authors")
        app.shot("0-about")
        app.key("Escape")
        wait_for("its end", lambda: not app.shows("The Veritally authors"))
        app.focus()
        menu(app, "Keyboard shortcuts")
        app.see("Move up one place")
        app.shot("0-shortcuts")
        app.key("Escape")
        wait_for("its end", lambda: not app.shows("Move up one place"))
        app.focus()
        app.quit()


def languages(display):
    """A few pages in each language, one of them with large text."""
    for language, options in (("fr", {"large": True}), ("es", {"dark": True})):
        tr = catalogue(language)
        with started(display, {"fr": "french", "es": "spanish"}[language], language=language, **options) as app:
            app.see(tr("Vote, and see that it counts"))
            app.shot("1-elections")
            app.press(tr("Try the practice election"))
            app.see(tr("Is this the fingerprint on your letter?"), 60)
            app.shot("2-fingerprint")
            app.press(tr("Yes, it is the same"))
            app.press(tr("Type it for me"))
            app.see(tr("The code is complete and well typed."))
            app.shot("3-code")
            app.press(tr("Continue"))
            app.see(tr("Page {number} of {count}").format(number=1, count=5), 60)
            app.shot("4-contest")
            app.quit()


def catalogue(language):
    """Looks texts up in the language's .po file; one that is not there is a fault."""
    text = (HERE.parents[1] / "po" / f"{language}.po").read_text()
    found = dict(re.findall(r'^msgid "(.+)"\nmsgstr "(.+)"$', text, re.MULTILINE))
    return found.__getitem__


PARTS = [letters, begun, live, clocks, about, languages]


def main():
    only = sys.argv[4:]
    with Display(WORK / "screen-pages") as display:
        for part in [part for part in PARTS if not only or part.__name__ in only]:
            started_at = time.monotonic()
            part(display)
            print(f"{part.__name__}: {time.monotonic() - started_at:.0f} s")


if __name__ == "__main__":
    main()
