"""`scripts/demo --app`: a whole election of one's own around the app, up to the first contest. Called by
scripts/lib/app."""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from app import App  # noqa: E402
from display import Display  # noqa: E402
from hands import Hands  # noqa: E402

PROGRAM, WORK, SHOTS, DEMO = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), sys.argv[4]


def main():
    WORK.mkdir(exist_ok=True)
    starter = [DEMO, "--app", "--programs", str(pathlib.Path(PROGRAM).parent), "--out", str(WORK / "out")]
    with Display(WORK / "screen") as display, App(PROGRAM, display, state=WORK, starter=starter) as app:
        app.see("Is this the fingerprint on your letter?", 60)
        app.see("Choir: election with every kind of question")
        app.press("Yes, it is the same")
        # The code that the demo prints is one that votes.
        code = (WORK / "out/codes.csv").read_text().splitlines()[1].split(",")
        code = next(field for field in code if re.fullmatch("([0-9A-Z]{4}-){6}[0-9A-Z]{4}", field))
        Hands(app).text("Voting code", code)
        app.press("Continue")
        app.see("Page 1 of 8", 60)
        said = app.quit()
        assert code in said and "the election ends with the app" in said, said


if __name__ == "__main__":
    main()
