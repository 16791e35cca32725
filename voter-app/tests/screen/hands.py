"""What people do with the app, by accessible actions or by keyboard only."""

import re
import time

from app import Atspi, GLib
from display import wait_for, xdotool

CONFIRMATION = re.compile(r"^[0-9A-Z]{4}(-[0-9A-Z]{4}){4}$")


class Hands:
    """Operates widgets by their accessible actions, as a screen reader does."""

    def __init__(self, app):
        self.app = app

    def press(self, name):
        self.app.press(name)

    def check(self, name):
        node = self.app.find(name, "radio button") or self.app.get(name, "check box")
        self.app.press(name, node.get_role_name())
        time.sleep(0.05)

    def number(self, name, value):
        node = self.app.get(name, "spin button")
        Atspi.Value.set_current_value(node.get_value_iface(), value)

    def text(self, name, words):
        self.app.type_into(name, words)


class Keys(Hands):
    """Operates the same widgets by keyboard only: Tab, arrows, space, digits."""

    def press(self, name):
        def sensitive():
            node = self.app.find(name, "push button")
            return node and node.get_state_set().contains(Atspi.StateType.SENSITIVE)
        wait_for(name, sensitive)
        self.app.go_to(name, "push button")
        self.app.key("space")

    def check(self, name):
        role = "radio button" if self.app.find(name, "radio button") else "check box"
        self.app.go_to(name, role)
        node = self.app.find(name, role)
        if not node.get_state_set().contains(Atspi.StateType.CHECKED):
            self.app.key("space")

    def number(self, name, value):
        self.app.go_to(name, "spin button")
        self.app.key("ctrl+a")
        self.app.write(str(value))

    def text(self, name, words):
        self.app.go_to(name, "text")
        self.app.write(words)


def enter(app, hands, code, link, board_key):
    """From the link to the first contest. The page shows the link's fingerprint, and the key that the manifest names."""
    app.see("Is this the fingerprint on your letter?", 60)
    digits = link.split("fp=")[1]
    app.see(" ".join(digits[at:at + 4] for at in range(0, 64, 4)))
    app.see(board_key)
    app.shot("2-fingerprint")
    hands.press("Yes, it is the same")
    app.see("Type the code from your letter")
    hands.text("Voting code", code[:9])
    app.see("characters to go")
    if isinstance(hands, Keys):
        app.write(code[9:])
    else:
        wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
        hands.text("Voting code", wrong)
        app.see("There is a typing error")
        app.shot("3-code-mistyped")
        hands.text("Voting code", code)
    app.see("The code is complete and well typed.")
    app.shot("3-code")
    hands.press("Continue")


def drag(app, name, onto):
    """A ranked row onto another one, with the mouse."""
    def row(name):
        box = Atspi.Component.get_extents(app.get(f"Move {name} up").get_component_iface(), Atspi.CoordType.WINDOW)
        return box.x - 40, box.y + box.height // 2
    (x, y), (to_x, to_y) = row(name), row(onto)
    xdotool("mousemove", x, y, "mousedown", 1)
    for step in range(1, 11):
        xdotool("mousemove", x + (to_x - x) * step // 10 + step % 2, y + (to_y - y) * step // 10)
        time.sleep(0.03)
    time.sleep(0.2)
    xdotool("mouseup", 1)
    time.sleep(0.3)
    app.lasting = app.windows()


def seal(app, hands):
    """Encrypts; gives the confirmation code."""
    hands.press("Encrypt my ballot")
    app.see("Your ballot is encrypted", 60)
    code = next(text for text in app.texts() if CONFIRMATION.match(text))
    app.shot("6-sealed")
    return code


def hurry(app):
    """Doesn't wait for the next try, unless the app is trying already."""
    node = app.find("Try again now", "push button")
    if node:
        try:
            Atspi.Action.do_action(node.get_action_iface(), 0)
        except GLib.Error:
            pass  # It went away.


def receipt(app, code):
    app.see("Your vote is in the box", 60)
    if code not in app.texts():
        app.fail(f"the receipt does not show {code}")
    app.shot("8-receipt")


def said(app):
    """What the app measured; a page that hangs is a fault."""
    output = app.quit()
    line = next((line for line in output.splitlines() if line.startswith("timings:")), "")
    print(f"{app.label}: {line}")
    start, pause = (int(re.search(rf"{what} (\d+)", line)[1]) for what in ("start", "pause"))
    assert start < 10_000, f"the first page came after {start} ms"
    assert pause < 1500, f"the main loop stood still for {pause} ms"


def answer_dialog(app, path, opened):
    """Types a path into GTK's file dialog."""
    time.sleep(0.5)
    dialog = wait_for("the file dialog", app.dialogs)
    xdotool("windowfocus", dialog[-1])
    time.sleep(0.2)
    if opened:
        # The first character opens the line for a path.
        app.key("slash")
        time.sleep(0.2)
    app.key("ctrl+a")
    app.write(str(path))
    app.key("Return")
    wait_for("the dialog's end", lambda: not app.dialogs())
    xdotool("windowfocus", app.window)
    time.sleep(0.2)


def choose(app, path):
    """Opens a file."""
    answer_dialog(app, path, opened=True)


def save(app, path, begins):
    """Saves to a new file."""
    answer_dialog(app, path, opened=False)
    wait_for(str(path), path.exists)
    assert begins in path.read_bytes(), f"{path} is something else"


def open_mine(app):
    """The first of my elections, by keyboard."""
    row = wait_for("the election in the list", lambda: next(
        (node for node, _ in app.walk() if node.get_role_name() == "list item"), None))
    app.go_to(row.get_name(), "list item")
    app.key("Return")
