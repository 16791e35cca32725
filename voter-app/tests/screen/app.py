"""The app as a person with a screen reader meets it: widgets by role and name, through AT-SPI."""

import os
import pathlib
import subprocess
import time

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402

from display import HEIGHT, wait_for, xdotool  # noqa: E402

#: Roles of what a person can operate.
INTERACTIVE = {"push button", "toggle button", "check box", "radio button", "text", "entry", "password text", "spin button",
               "menu item", "check menu item", "list item", "link", "slider", "combo box", "switch"}
#: Roles of what a person reads.
WORDS = {"label", "heading", "static"}
WIDE, NARROW, WHOLE = (720, 900), (360, 800), (720, 1390)


class Failure(AssertionError):
    """The app does not show what it should."""


class App:
    """A running app. Use as a context manager."""

    def __init__(self, program, display, arguments=(), state=None, dark=False, large=False, language="en", contrast=False,
                 shots=None, label="", starter=None):
        """`starter`: a command that starts the app by itself, with arguments of its own."""
        self.display, self.shots, self.label, self.children = display, shots, label, []
        config = pathlib.Path(state) / "config"
        (config / "gtk-4.0").mkdir(parents=True, exist_ok=True)
        (config / "gtk-4.0" / "settings.ini").write_text(
            "[Settings]\ngtk-enable-animations=false\ngtk-font-name=Cantarell 11\n")
        # 200 % of text is what desktops tell programs as 192 dots for an inch.
        display.set_dpi(192 if large else 96)
        self.environment = dict(
            os.environ, GTK_A11Y="atspi", GSK_RENDERER="cairo", GDK_BACKEND="x11", ADW_DISABLE_PORTAL="1",
            XDG_CONFIG_HOME=str(config), VERITALLY_APP_TIMINGS="1", LANGUAGE=language, LC_ALL="C.UTF-8",
            ADW_DEBUG_COLOR_SCHEME="prefer-dark" if dark else "prefer-light",
            ADW_DEBUG_HIGH_CONTRAST="1" if contrast else "0", NO_AT_BRIDGE="0")
        self.log = open(pathlib.Path(state) / "app.log", "a")
        self.command, self.starter, self.pid = [program, "--state", f"{state}/data"], starter, None
        self.process = subprocess.Popen(starter or [*self.command, *arguments], env=self.environment,
                                        stdout=subprocess.PIPE, stderr=self.log, text=True)
        try:
            self.root = wait_for("the app on the accessibility bus", self._find_app, 180 if starter else 30)
        except AssertionError as error:
            desktop = Atspi.get_desktop(0)
            there = [desktop.get_child_at_index(index) for index in range(desktop.get_child_count())]
            there = [(node.get_name(), node.get_process_id(), node.get_child_count()) for node in there if node]
            raise Failure(f"{error}, as process {self.process.pid}; there is {there}") from error
        self.window = wait_for("the app's window", self.windows)[0]
        self.lasting = [self.window]
        self.resize(WIDE)
        self.focus()

    def focus(self):
        """Gives the main window the keyboard: no window manager does when another window closes."""
        xdotool("windowfocus", self.window)
        time.sleep(0.1)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind and self.shots:
            self.shot("failed")
            print(self.dump())
        for process in [self.process, *self.children]:
            if process.poll() is None:
                process.terminate()
                process.wait(timeout=20)
        self.log.close()

    def again(self, *arguments):
        """A second start, as when a link is clicked: hands over to the app that runs, and ends."""
        subprocess.run([*self.command, *arguments], env=self.environment, check=True, timeout=20, stderr=self.log)

    def quit(self):
        """As a person does, with Ctrl+Q; gives what the app printed."""
        self.key("ctrl+q")
        output = self.process.communicate(timeout=20)[0]
        if self.process.returncode:
            raise Failure(f"the app ended with {self.process.returncode}; see {self.log.name}")
        return output

    def _find_app(self):
        assert self.process.poll() is None, f"the app ended; see {self.log.name}"
        desktop = Atspi.get_desktop(0)
        for index in range(desktop.get_child_count()):
            child = desktop.get_child_at_index(index)
            # Who starts the app by another program is alone on the bus.
            if child and (self.starter or child.get_process_id() == self.process.pid) and child.get_child_count():
                self.pid = child.get_process_id()
                return child
        return None

    def windows(self):
        """What is on the screen, the main window first."""
        try:
            return xdotool("search", "--onlyvisible", "--pid", self.pid).splitlines()
        except subprocess.CalledProcessError:
            return []

    def dialogs(self):
        """Other windows than those that are always there, such as what was dragged last."""
        return [window for window in self.windows() if window not in self.lasting]

    def fail(self, why):
        raise Failure(f"{why}; on the screen:\n{self.dump()}")

    # --- looking ---

    def walk(self, node=None, depth=0, path=()):
        """Everything that is on the screen: (node, depth). GTK 4.8 says of windows only whether they are showing."""
        node = node or self.root
        try:
            states = node.get_state_set()
            if depth > 1 and not states.contains(Atspi.StateType.VISIBLE):
                return
            yield node, depth
            for index in range(node.get_child_count()):
                child = node.get_child_at_index(index)
                if child:
                    yield from self.walk(child, depth + 1)
        except GLib.Error:
            return

    def dump(self):
        lines = []
        for node, depth in self.walk():
            try:
                lines.append(f"{'  ' * depth}{node.get_role_name()} {node.get_name()!r}")
            except GLib.Error:
                continue
        return "\n".join(lines)

    def texts(self):
        """All names and texts on the screen."""
        found = []
        for node, _ in self.walk():
            try:
                found.append(node.get_name() or "")
                if node.get_role_name() in ("label", "heading", "text", "static"):
                    text = node.get_text_iface()
                    if text:
                        found.append(Atspi.Text.get_text(text, 0, -1))
            except GLib.Error:
                continue
        return [text for text in found if text]

    def shows(self, words):
        return any(words in text for text in self.texts())

    def see(self, words, seconds=30):
        """Waits until the words are on the screen."""
        try:
            wait_for(repr(words), lambda: self.shows(words), seconds)
        except AssertionError as error:
            self.fail(str(error))

    def find(self, name, role=None):
        for node, _ in self.walk():
            try:
                if node.get_name() == name and (role is None or node.get_role_name() == role):
                    return node
            except GLib.Error:
                continue
        return None

    def get(self, name, role=None, seconds=20):
        try:
            return wait_for(f"{role or 'widget'} {name!r}", lambda: self.find(name, role), seconds)
        except AssertionError as error:
            self.fail(str(error))

    def unnamed(self):
        """Interactive widgets on the screen without a name or a role."""
        faults = []
        for node, _ in self.walk():
            role, name = node.get_role_name(), node.get_name()
            states = node.get_state_set()
            if role in ("", "unknown", "invalid") and states.contains(Atspi.StateType.FOCUSABLE):
                faults.append(f"no role: {name!r}")
            parent = node.get_parent()
            inner = parent is not None and parent.get_role_name() in ("spin button", "entry", "text")
            if role in INTERACTIVE and not name and not inner and states.contains(Atspi.StateType.FOCUSABLE):
                faults.append(f"no name: {role} in {parent.get_role_name()} {parent.get_name()!r}")
        return faults

    def text_of(self, name):
        """What stands in a field."""
        node = self.get(name, "text")
        text = node.get_text_iface()
        return Atspi.Text.get_text(text, 0, Atspi.Text.get_character_count(text))

    # --- acting ---

    def focused(self):
        """The widget that has the keyboard's focus, and what it is in."""
        for node, depth in self.walk():
            if depth > 1 and node.get_state_set().contains(Atspi.StateType.FOCUSED):
                while node is not None and node.get_role_name() != "frame":
                    yield node
                    node = node.get_parent()
                return

    def is_at(self, name, roles):
        return any(node.get_name() == name and node.get_role_name() in roles for node in self.focused())

    def go_to(self, name, *roles):
        """By keyboard alone: Tab, and arrows within a group of radio buttons."""
        self.get(name)
        arrow, before = "Up", None
        for _ in range(120):
            if self.is_at(name, roles):
                return
            at = next(((node.get_role_name(), node.get_name()) for node in self.focused()), ("", ""))
            if "radio button" in roles and at[0] == "radio button":
                # At the end of the group: the other way.
                arrow, before = ("Down" if arrow == "Up" else "Up") if at == before else arrow, at
                self.key(arrow)
            else:
                self.key("Tab")
        self.fail(f"the keyboard does not reach {name!r}")

    def press(self, name, role="push button", seconds=20):
        """Presses a button: by its accessible action, as a screen reader does."""
        def sensitive():
            node = self.find(name, role)
            return node if node and node.get_state_set().contains(Atspi.StateType.SENSITIVE) else None
        try:
            node = wait_for(f"{role} {name!r} that can be pressed", sensitive, seconds)
        except AssertionError as error:
            self.fail(str(error))
        action = node.get_action_iface()
        if action and Atspi.Action.get_n_actions(action):
            Atspi.Action.do_action(action, 0)
        else:
            # GTK 4.8 offers no action for check boxes.
            self.go_to(name, role)
            self.key("space")
        time.sleep(0.05)

    def type_into(self, name, text, role="text"):
        node = self.get(name, role)
        Atspi.EditableText.set_text_contents(node.get_editable_text_iface(), text)

    def key(self, *keys):
        xdotool("key", *keys)
        time.sleep(0.03)

    def write(self, text):
        xdotool("type", "--delay", 2, "--", text)

    def resize(self, size):
        xdotool("windowsize", self.window, *size)
        xdotool("windowmove", self.window, 0, 0)
        time.sleep(0.25)
        self.size = size

    def picture(self, path):
        """As a phone would take it of the whole page."""
        self.resize(WHOLE)
        time.sleep(0.3)
        self.display.screenshot(path, *WHOLE)
        self.resize(WIDE)

    def box(self, node):
        return Atspi.Component.get_extents(node.get_component_iface(), Atspi.CoordType.WINDOW)

    def height(self, words):
        """Of a text on the screen."""
        return self.box(self.get(words)).height

    def check_fits(self, name, size):
        """Nothing that a person can operate or read lies beyond the window's sides, but in a table that scrolls by itself.
        Gives how far down the page goes."""
        bottom, width = 0, None
        for node, depth in self.walk():
            try:
                if depth == 1:
                    # The main window comes first; dialogs are as wide as they are.
                    width = size[0] if width is None else self.box(node).width
                if node.get_role_name() not in INTERACTIVE | WORDS:
                    continue
                box = self.box(node)
                if box.width and (box.x < 0 or box.x + box.width > width) and not self.in_table(node):
                    self.fail(f"on page {name}, {width} wide: {node.get_name()!r} is cut off: {box.x} + {box.width}")
                bottom = max(bottom, box.y + box.height if box.width else 0)
            except GLib.Error:
                continue
        return bottom

    @staticmethod
    def in_table(node):
        while node is not None and node.get_role_name() != "frame":
            if node.get_role_name() == "table":
                return True
            node = node.get_parent()
        return False

    def shot(self, name):
        """The window wide and narrow, pages in full length, into the folder of screenshots; and every widget has a name."""
        if not self.shots:
            return
        time.sleep(0.15)
        for suffix, size in (("wide", WIDE), ("narrow", NARROW)):
            self.resize(size)
            bottom = self.check_fits(name, size) if name != "failed" else 0
            if bottom > size[1]:
                size = size[0], min(bottom + 30, HEIGHT)
                self.resize(size)
            self.display.screenshot(self.shots / f"{self.label}-{name}-{suffix}.png", *size)
        self.resize(WIDE)
        if name != "failed":
            faults = self.unnamed()
            if faults:
                self.fail(f"on page {name}: " + "; ".join(faults))
