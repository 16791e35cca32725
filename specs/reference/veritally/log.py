"""Section 9: the Merkle tree (RFC 6962), checkpoints (C2SP signed-note and tlog-checkpoint), tiles (C2SP tlog-tiles)."""

import base64
import binascii
import re
from dataclasses import dataclass
from pathlib import Path

from . import ed25519
from .encoding import sha256, to_base64

TILE = 256  # entries or hashes in a full tile
EMPTY_ROOT = sha256(b"")


class LogError(ValueError):
    """A record whose files do not make one log."""


# --- RFC 6962, section 2.1 ------------------------------------------------------------------------------------------


def leaf_hash(data):
    return sha256(b"\0" + data)


def node_hash(left, right):
    return sha256(b"\1" + left + right)


class Tree:
    """The hashes of all complete subtrees: `levels[h][i]` covers the leaves i·2^h … (i+1)·2^h - 1."""

    def __init__(self, hashes=()):
        self.levels = [[]]
        for h in hashes:
            self.append(h)

    @property
    def size(self):
        return len(self.levels[0])

    def append(self, leaf):
        level, node = 0, leaf
        while True:
            self.levels[level].append(node)
            if len(self.levels[level]) % 2:
                return
            node = node_hash(*self.levels[level][-2:])
            level += 1
            if level == len(self.levels):
                self.levels.append([])

    def _range(self, low, high):
        """MTH(D[low:high]) for a range that RFC 6962 splits off: low is a multiple of the largest power of two in it."""
        size = high - low
        if size & (size - 1) == 0:
            level = size.bit_length() - 1
            return self.levels[level][low >> level]
        split = low + (1 << (size - 1).bit_length() - 1)
        return node_hash(self._range(low, split), self._range(split, high))

    def root(self, size=None):
        size = self.size if size is None else size
        return self._range(0, size) if size else EMPTY_ROOT

    def inclusion_proof(self, index, size):
        """PATH(index, D[0:size]), from the leaf up."""

        def path(m, low, high):
            if high - low == 1:
                return []
            split = low + (1 << (high - low - 1).bit_length() - 1)
            if m < split:
                return path(m, low, split) + [self._range(split, high)]
            return path(m, split, high) + [self._range(low, split)]

        return path(index, 0, size)

    def consistency_proof(self, old, size):
        """PROOF(old, D[0:size])."""

        def proof(m, low, high, complete):
            if m == high:
                return [] if complete else [self._range(low, high)]
            split = low + (1 << (high - low - 1).bit_length() - 1)
            if m <= split:
                return proof(m, low, split, complete) + [self._range(split, high)]
            return proof(m, split, high, False) + [self._range(low, split)]

        return proof(old, 0, size, True) if old else []


def root_from_inclusion(index, size, leaf, path):
    """RFC 9162, section 2.1.3.2: the root that this path gives, or None when its length is wrong."""
    if not 0 <= index < size:
        return None
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    return r if sn == 0 else None


def consistent(old, size, old_root, root, path):
    """RFC 9162, section 2.1.4.2."""
    if old == size:
        return not path and old_root == root
    if not 0 < old < size:
        return False
    path = ([old_root] if old & (old - 1) == 0 else []) + list(path)
    if not path:
        return False
    fn, sn = old - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == old_root and sr == root


# --- C2SP signed-note and tlog-checkpoint ---------------------------------------------------------------------------

ED25519, COSIGNATURE = 1, 4  # signature types of signed-note


def key_id(name, kind, key):
    return sha256(name.encode() + b"\n" + bytes([kind]) + key)[:4]


@dataclass
class Checkpoint:
    """A signed note's body and its signature lines (name, key id and signature)."""

    origin: str
    size: int
    root: bytes
    body: bytes
    signatures: list


def checkpoint_body(origin, size, root):
    return f"{origin}\n{size}\n{to_base64(root)}\n".encode()


def sign_note(body, name, seed):
    key = ed25519.public_key(seed)
    line = to_base64(key_id(name, ED25519, key) + ed25519.sign(seed, body))
    return body + f"\n\u2014 {name} {line}\n".encode()


def cosignature_line(body, name, seed, time):
    message = f"cosignature/v1\ntime {time}\n".encode() + body
    blob = key_id(name, COSIGNATURE, ed25519.public_key(seed)) + time.to_bytes(8, "big") + ed25519.sign(seed, message)
    return f"\u2014 {name} {to_base64(blob)}\n".encode()


def parse_checkpoint(data):
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise LogError("the checkpoint is not UTF-8") from None
    body, separator, tail = text.rpartition("\n\n")
    if not separator or not tail.endswith("\n") or any(ord(c) < 32 and c != "\n" for c in text):
        raise LogError("the checkpoint is not a signed note")
    origin, size, root = parse_head(body)
    signatures = []
    for line in tail[:-1].split("\n"):
        match = re.fullmatch("\u2014 ([^\\s+]+) ([A-Za-z0-9+/]+=*)", line)
        try:
            blob = base64.b64decode(match[2], validate=True) if match else b""
        except binascii.Error:
            blob = b""
        if len(blob) < 5:
            raise LogError("a signature line of the checkpoint is malformed")
        signatures.append((match[1], blob[:4], blob[4:]))
    return Checkpoint(origin, size, root, body.encode() + b"\n", signatures)


def parse_head(body):
    """Origin, size and root from a checkpoint's three lines."""
    lines = body.split("\n")
    if len(lines) != 3:
        raise LogError("the checkpoint has extension lines or lacks lines")
    origin, size, root = lines
    if not origin or not re.fullmatch("0|[1-9][0-9]{0,15}", size, re.ASCII):
        raise LogError("the checkpoint's origin or size is malformed")
    try:
        root_bytes = base64.b64decode(root, validate=True)
    except (binascii.Error, ValueError):
        root_bytes = b""
    if len(root_bytes) != 32 or to_base64(root_bytes) != root:
        raise LogError("the checkpoint's root is malformed")
    return origin, int(size), root_bytes


def signed_by_log(checkpoint, origin, key):
    """Whether the log signed it: at least one signature line of this key, and none of it that fails."""
    wanted = key_id(origin, ED25519, key)
    lines = [s for name, kid, s in checkpoint.signatures if name == origin and kid == wanted]
    return checkpoint.origin == origin and bool(lines) and all(ed25519.verify(key, checkpoint.body, s) for s in lines)


def cosignature(checkpoint, name, key):
    """The time of a valid cosignature by this witness, or None (C2SP tlog-cosignature)."""
    wanted = key_id(name, COSIGNATURE, key)
    for line_name, kid, blob in checkpoint.signatures:
        if line_name == name and kid == wanted and len(blob) == 72:
            time = int.from_bytes(blob[:8], "big")
            if ed25519.verify(key, f"cosignature/v1\ntime {time}\n".encode() + checkpoint.body, blob[8:]):
                return time
    return None


# --- C2SP tlog-tiles ------------------------------------------------------------------------------------------------


def tile_path(index, width=TILE):
    """Three decimal digits to a folder, all but the last with an x; partial tiles end in .p/<width>."""
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    path = "/".join([f"x{g}" for g in groups[:-1]] + groups[-1:])
    return path if width == TILE else f"{path}.p/{width}"


def expected_tiles(size):
    """(level, index, width) of every tile of a tree of this size; entry bundles are those of level 0."""
    level, count = 0, size
    while count:
        for index in range(count // TILE):
            yield level, index, TILE
        if count % TILE:
            yield level, count // TILE, count % TILE
        level, count = level + 1, count // TILE


def read_bundle(data):
    """The entries of a bundle: each with a big-endian length of 16 bits."""
    entries, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        entry = data[at + 2 : at + 2 + length]
        if len(data) - at < 2 or len(entry) != length:
            raise LogError("an entry bundle ends within an entry")
        entries.append(entry)
        at += 2 + length
    return entries


def write_bundle(entries):
    return b"".join(len(e).to_bytes(2, "big") + e for e in entries)


class Folder:
    """An exported record: `checkpoint`, `tile/<L>/<N>`, `tile/entries/<N>`. Links are not followed."""

    def __init__(self, path):
        self.path = Path(path)

    def read(self, name):
        path = self.path / name
        try:
            if any(p.is_symlink() for p in (path, *path.parents) if p != self.path and self.path in p.parents):
                raise LogError(f"{name} is a link")
            return path.read_bytes()
        except OSError as error:
            raise LogError(f"{name}: {error.strerror}") from None

    def read_tile(self, folder, index, width):
        """(the file's bytes, its width): a full tile or bundle may stand for a partial one."""
        name = f"{folder}/{tile_path(index, width)}"
        if width < TILE and not (self.path / name).exists():
            return self.read(f"{folder}/{tile_path(index)}"), TILE
        return self.read(name), width

    def entries(self, index, width):
        """The first entries of a bundle."""
        data, found = self.read_tile("tile/entries", index, width)
        bundle = read_bundle(data)
        if len(bundle) != found:
            raise LogError(f"bundle {index} has {len(bundle)} entries, not {found}")
        return bundle[:width]

    def wrong_tiles(self, tree):
        """(level, index, file, problem) of the hash tiles that are missing or differ from the tree's."""
        for level, index, width in expected_tiles(tree.size):
            hashes = tree.levels[8 * level][index * TILE : index * TILE + width]
            name = f"tile/{level}/{tile_path(index, width)}"
            try:
                data, found = self.read_tile(f"tile/{level}", index, width)
                if len(data) != 32 * found or data[: 32 * width] != b"".join(hashes):
                    yield level, index, name, "differs from the tree of the entries"
            except LogError as error:
                yield level, index, name, f"can't be read: {error}"

    def beyond(self, size, tree, entries):
        """(entry or None, sentence) for each file below tile/ that is not of a tree of this size.

        Earlier, shorter versions of a tile or bundle are allowed when they are beginnings of it. `tree` and `entries` are
        what could be read: (None, None) stands for an earlier version that can't be compared with them.
        """
        for path in sorted(self.path.glob("tile/**/*")):
            if path.is_dir() and not path.is_symlink():
                continue
            name = path.relative_to(self.path).as_posix()
            folder, index, width = parse_tile_path(name) or (None, 0, TILE)
            level = int(folder[5:]) if folder and folder != "tile/entries" else 0
            full = min(TILE, (size >> 8 * level) - index * TILE)
            if folder == "tile/entries":
                known = entries
            else:
                known = tree.levels[8 * level] if 8 * level < len(tree.levels) else []
            items = known[index * TILE : index * TILE + width]
            if folder is None or width > full:
                yield None, f"{name} is no file of this log"
            elif width < full and len(items) < width:
                yield None, None
            elif width < full:
                expected = write_bundle(items) if folder == "tile/entries" else b"".join(items)
                try:
                    same = self.read(name) == expected
                except LogError:
                    same = False
                if not same:
                    yield index * TILE ** (level + 1), f"{name} is no earlier version of this log"


def parse_tile_path(name):
    """(folder, index, width) of a path below tile/, or None."""
    match = re.fullmatch(r"(tile/(?:entries|[0-9]|[1-5][0-9]|6[0-3]))/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", name, re.ASCII)
    if not match:
        return None
    index, width = int(match[2].replace("x", "").replace("/", "")), int(match[3] or TILE)
    canonical = f"{match[1]}/{tile_path(index, width)}" == name
    return (match[1], index, width) if canonical and (match[3] is None or width < TILE) else None


def write_record(path, entries, note):
    """Writes an exported record."""
    tree, folder = Tree(map(leaf_hash, entries)), Path(path)
    files = {"checkpoint": note}
    for level, index, width in expected_tiles(tree.size):
        where = tile_path(index, width)
        files[f"tile/{level}/{where}"] = b"".join(tree.levels[8 * level][index * TILE : index * TILE + width])
        if level == 0:
            files[f"tile/entries/{where}"] = write_bundle(entries[index * TILE : index * TILE + width])
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


# --- C2SP tlog-proof: receipts ---------------------------------------------------------------------------------------

PROOF_HEADER = "c2sp.org/tlog-proof@v1"


def receipt(index, path, checkpoint):
    lines = [PROOF_HEADER, f"index {index}", *map(to_base64, path), ""]
    return "\n".join(lines).encode() + b"\n" + checkpoint


def check_receipt(data, leaf, origin, key):
    """Whether this receipt shows the leaf under a checkpoint of the log."""
    head, separator, note = data.partition(b"\n\n")
    lines = head.decode(errors="replace").split("\n")
    index = re.fullmatch("index (0|[1-9][0-9]{0,18})", lines[1]) if len(lines) > 1 else None
    if not separator or lines[0] != PROOF_HEADER or not index:
        raise LogError("not a tlog-proof")
    try:
        path = [base64.b64decode(line, validate=True) for line in lines[2:]]
    except binascii.Error:
        raise LogError("a hash of the proof is malformed") from None
    checkpoint = parse_checkpoint(note)
    if not signed_by_log(checkpoint, origin, key):
        raise LogError("the log's signature on the checkpoint does not hold")
    if root_from_inclusion(int(index[1]), checkpoint.size, leaf, path) != checkpoint.root:
        raise LogError("the proof does not lead to the checkpoint's root")
    return int(index[1]), checkpoint
