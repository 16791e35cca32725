"""A screen without a monitor: Xvfb, whose frame buffer is a file, and PNGs of it. Standard library only."""

import ctypes
import os
import pathlib
import struct
import subprocess
import time
import zlib

#: Higher than any desktop, so that a page can be seen in full length.
WIDTH, HEIGHT = 1000, 4000


class Display:
    """An X server of our own. Use as a context manager."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        read, write = os.pipe()
        self.server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-fbdir", str(self.folder),
             "-nolisten", "tcp", "-noreset"],
            pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as pipe:
            number = pipe.readline().strip()
        assert number, "Xvfb did not start"
        self.name = f":{number}"

    def __enter__(self):
        os.environ["DISPLAY"] = self.name
        return self

    def __exit__(self, *_):
        self.server.terminate()
        self.server.wait()

    def set_dpi(self, dpi):
        """How large programs that start from now on show their text: the resource that desktops set."""
        x11 = ctypes.CDLL("libX11.so.6")
        x11.XOpenDisplay.restype = ctypes.c_void_p
        for function in (x11.XDefaultRootWindow, x11.XChangeProperty, x11.XCloseDisplay):
            function.argtypes = [ctypes.c_void_p]
        x11.XDefaultRootWindow.restype = ctypes.c_ulong
        x11.XChangeProperty.argtypes += [ctypes.c_ulong] * 3 + [ctypes.c_int] * 2 + [ctypes.c_char_p, ctypes.c_int]
        display = x11.XOpenDisplay(self.name.encode())
        assert display, "the display is gone"
        resources, text, replace = 23, 31, 0
        value = f"Xft.dpi:\t{dpi}\n".encode()
        x11.XChangeProperty(display, x11.XDefaultRootWindow(display), resources, text, 8, replace, value, len(value))
        x11.XCloseDisplay(display)

    def screenshot(self, path, width, height):
        """The upper left part of the screen as a PNG."""
        data = (self.folder / "Xvfb_screen0").read_bytes()
        header = struct.unpack(">25I", data[:100])
        start, line = header[0] + header[19] * 12, header[12]
        rows = []
        for y in range(height):
            row = data[start + y * line:start + y * line + width * 4]
            pixels = bytearray(width * 3)
            pixels[0::3], pixels[1::3], pixels[2::3] = row[2::4], row[1::4], row[0::4]
            rows.append(b"\0" + bytes(pixels))
        chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0))
        png += chunk(b"IDAT", zlib.compress(b"".join(rows), 6)) + chunk(b"IEND", b"")
        pathlib.Path(path).write_bytes(png)


def xdotool(*arguments):
    """A hand on mouse and keyboard."""
    return subprocess.run(["xdotool", *map(str, arguments)], check=True, capture_output=True, text=True).stdout.strip()


def wait_for(what, found, seconds=30):
    """Until `found()` gives something."""
    end = time.monotonic() + seconds
    while True:
        result = found()
        if result:
            return result
        assert time.monotonic() < end, f"waited {seconds} s in vain for {what}"
        time.sleep(0.05)
