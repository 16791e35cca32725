"""What protects voters, on a small real election: a second device that checks test ballots, servers that lie, codes in files,
pictures and the key ring. Called by scripts/lib/app."""

import json
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from display import Display, wait_for  # noqa: E402
from hands import CONFIRMATION, Hands, choose, hurry, open_mine, receipt, save  # noqa: E402
from liar import Liar  # noqa: E402
from small import CODES, LINK, PROGRAM, SHOTS, WORK, compared, started, state  # noqa: E402

BOARD, OTHER_BOARD = sys.argv[4:6]


def enter(app, hands, code, remember=False):
    app.see("Is this the fingerprint on your letter?", 60)
    hands.press("Yes, it is the same")
    app.see("Type the code from your letter")
    hands.text("Voting code", code)
    app.see("The code is complete and well typed.")
    if remember:
        hands.check("Keep the code in this computer’s key ring")
    hands.press("Continue")


def seal(app, hands, *names):
    app.see("Page 1 of 1", 60)
    for name in names:
        hands.check(name)
    hands.press("Continue")
    hands.press("Encrypt my ballot")
    app.see("Your ballot is encrypted", 60)
    return next(text for text in app.texts() if CONFIRMATION.match(text))


def second_device(display):
    """A test ballot that another computer opened: saved as a file, and as pictures of the QR codes on its screen."""
    with started(display, "first", [LINK]) as app:
        hands = Hands(app)
        enter(app, hands, CODES[0])
        code = seal(app, hands, "Amara", "Elif")
        app.picture(WORK / "code.png")
        hands.press("Test this ballot instead")
        app.see("Test ballot", 60)
        app.picture(WORK / "opened.png")
        hands.press("Save the test ballot…")
        save(app, WORK / "test.json", b'"seed"')
        app.see("Also publish it")
        hands.check("Also publish it, so that everybody can check")
        app.see("Published: anybody can check this test ballot now.", 60)
        hands.press("Vote now: encrypt a fresh ballot")
        app.see("Your ballot is encrypted", 60)
        hands.press("Cast this ballot")
        app.see("Your vote is in the box", 60)
        app.quit()
    with started(display, "second", large=True) as app:
        hands = Hands(app)
        hands.press("Check a test ballot")
        app.see("Somebody encrypted a ballot on another computer")
        app.shot("7-second")
        hands.text("Link to the election", LINK)
        hands.press("Read the test ballot from a picture or file")
        choose(app, WORK / "opened.png")
        wait_for("the QR code's text", lambda: '"seed"' in app.text_of("Test ballot"))
        hands.press("Read the confirmation code from a picture or file")
        choose(app, WORK / "code.png")
        wait_for("the whole code", lambda: len(app.text_of("Confirmation code")) == 64)
        app.shot("7-second-filled")
        hands.press("Check")
        app.see("The test passed", 60)
        app.see("the whole confirmation code is the noted one")
        for words in ("Amara", "Elif", code):
            app.see(words)
        app.shot("7-verdict")
        # A device that shows other answers than it encrypted.
        test = json.loads((WORK / "test.json").read_text())
        test["selections"]["committee"]["selections"] = ["bruno"]
        (WORK / "lie.json").write_text(json.dumps(test))
        hands.press("Check another one")
        hands.press("Read the test ballot from a picture or file")
        choose(app, WORK / "lie.json")
        wait_for("the file's text", lambda: "bruno" in app.text_of("Test ballot"))
        hands.press("Check")
        app.see("The test failed", 60)
        app.see("encrypted something else than the test ballot shows")
        app.shot("7-verdict-failed")
        # One that opens another ballot than it had shown; the code pasted as a picture, then mistyped.
        hands.press("Check another one")
        hands.text("Test ballot", (WORK / "test.json").read_text())
        clipboard(app, WORK / "code.png", "image/png")
        hands.text("Confirmation code", "")
        hands.press("Paste the confirmation code")
        wait_for("the pasted code", lambda: len(app.text_of("Confirmation code")) == 64)
        hands.text("Confirmation code", "0000-0000-0000-0000-0000")
        hands.press("Check")
        app.see("is not the one whose confirmation code was noted", 60)
        hands.press("Check another one")
        hands.text("Confirmation code", "12")
        hands.press("Check")
        app.see("This is not a confirmation code")
        app.quit()


def clipboard(app, path, kind):
    owner = subprocess.Popen(["xclip", "-quiet", "-selection", "clipboard", "-t", kind, "-i", str(path)],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    app.children.append(owner)
    time.sleep(0.3)


def lies(display):
    """Each lie is told in front of the real server, and said plainly on the screen."""
    liar = Liar(BOARD, "committee")
    liar.other = "other"
    link = LINK.replace(BOARD, liar.address)
    assert link != LINK

    liar.trick = "altered manifest"
    with started(display, "altered", [link], large=True, dark=True) as app:
        app.see("This is not your election", 60)
        app.shot("11-altered-manifest")
        app.quit()

    liar.trick = "other keys"
    with started(display, "keys", [link], contrast=True) as app:
        app.see("The record breaks the rules", 60)
        app.see("such as a wrong key")
        app.see("Open the folder with the evidence")
        app.shot("11-other-keys")
        app.quit()

    liar.trick = None
    with started(display, "swallowed", [link]) as app:
        hands = Hands(app)
        enter(app, hands, CODES[1])
        code = seal(app, hands, "Bruno")
        liar.trick = "swallow"
        hands.press("Cast this ballot")
        app.see("Your ballot is waiting to be sent", 60)
        app.see("The server took your ballot, but has not yet put it into the public record.")
        assert liar.swallowed and not app.shows("Your vote is in the box")
        app.shot("8-swallowed")
        liar.trick = "wrong proof"
        hurry(app)
        app.see("The receipt is false", 60)
        app.see("Don’t count on your ballot being in the box.")
        app.shot("11-wrong-proof")
        # The ballot is kept: with an honest server it is in the box, unchanged.
        liar.trick = None
        hands.press("Back to my elections")
        app.see("Caught breaking the rules", 60)
        app.quit()
    with started(display, "swallowed", [link]) as app:
        hands = Hands(app)
        enter(app, hands, CODES[1])
        receipt(app, code)
        app.quit()

    # A copy of the board with the same key and another ballot.
    environment = dict(os.environ, VERITALLY_CODE=CODES[2])
    subprocess.run([str(pathlib.Path(PROGRAM).parent / "veritally-voter"), "--state", str(state("accomplice")), "cast",
                    "--link", LINK.replace(BOARD, OTHER_BOARD), "--choose", "committee=dmitri", "--yes"],
                   env=environment, check=True, stdout=subprocess.DEVNULL)
    liar.board = OTHER_BOARD
    with started(display, "swallowed") as app:
        app.see("Caught breaking the rules", 60)
        open_mine(app)
        app.see("There are two versions of the box")
        app.see("Open the folder with the evidence")
        app.shot("11-fork")
        app.quit()
    assert list((WORK / "swallowed/data").rglob("evidence.json")), "no evidence was kept"
    liar.close()


def codes(display):
    """From a picture of the letter's QR code, from a file, and in the desktop's key ring: only when asked."""
    (WORK / "code.txt").write_text(CODES[3] + "\n")
    (WORK / "code.txt").chmod(0o600)
    for name, text in (("link-qr.png", LINK), ("code-qr.png", CODES[3])):
        subprocess.run(["qrencode", "-s", "6", "-o", WORK / name, text], check=True)
    with started(display, "ring") as app:
        hands = Hands(app)
        hands.press("Read the link from a picture or file")
        choose(app, WORK / "link-qr.png")
        wait_for("the link in the picture", lambda: app.text_of("Link to the election") == LINK)
        hands.press("Open the election")
        app.see("Is this the fingerprint on your letter?", 60)
        hands.press("Yes, it is the same")
        assert not app.shows("Use the code in this computer’s key ring")
        hands.press("Read the code from a picture or file…")
        choose(app, WORK / "code-qr.png")
        wait_for("the code in the picture", lambda: app.text_of("Voting code") == CODES[3])
        app.see("The code is complete and well typed.")
        hands.press("Continue")
        app.see("Page 1 of 1", 60)
        app.quit()
    with started(display, "ring", [LINK]) as app:
        hands = compared(app)
        hands.press("Read the code from a picture or file…")
        choose(app, WORK / "code.txt")
        app.see("Page 1 of 1", 60)
        app.quit()
    assert stored() == 0, "the code was kept without being asked"
    with started(display, "ring", [LINK]) as app:
        hands = compared(app)
        hands.check("Keep the code in this computer’s key ring")
        hands.press("Read the code from a picture or file…")
        choose(app, WORK / "code.txt")
        app.see("Page 1 of 1", 60)
        wait_for("the code in the key ring", lambda: stored() == 1)
        app.quit()
    with started(display, "ring", [LINK]) as app:
        hands = compared(app)
        app.see("Use the code in this computer’s key ring")
        app.shot("3-code-stored")
        hands.press("Use the code in this computer’s key ring")
        app.see("Page 1 of 1", 60)
        app.quit()
    with started(display, "ring", [LINK]) as app:
        hands = compared(app)
        hands.press("Remove the code from the key ring")
        wait_for("that it is forgotten", lambda: stored() == 0)
        wait_for("the page without it", lambda: not app.shows("Use the code in this computer’s key ring"))
        app.quit()


def stored():
    """How many of our codes the real Secret Service has."""
    from gi.repository import Gio, GLib
    bus = Gio.bus_get_sync(Gio.BusType.SESSION)
    found = bus.call_sync("org.freedesktop.secrets", "/org/freedesktop/secrets", "org.freedesktop.Secret.Service",
                          "SearchItems", GLib.Variant("(a{ss})", ({"application": "org.veritally.Veritally"},)), None, 0,
                          10_000, None)
    return sum(len(items) for items in found.unpack())


def main():
    SHOTS.mkdir(parents=True, exist_ok=True)
    ring = subprocess.run(["gnome-keyring-daemon", "--unlock", "--components=secrets"], input=b"test\n", check=True,
                          capture_output=True)
    assert ring.returncode == 0
    with Display(WORK / "screen") as display:
        for part in (second_device, lies, codes):
            started_at = time.monotonic()
            part(display)
            print(f"{part.__name__}: {time.monotonic() - started_at:.0f} s")


if __name__ == "__main__":
    main()
