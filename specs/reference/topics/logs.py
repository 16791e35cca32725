"""Vectors of section 9: Merkle tree, proofs, checkpoints, cosignatures, tiles, receipts."""

import base64

from veritally import ed25519, log
from veritally.encoding import to_base64
from veritally.sample import Draw

ORIGIN = "board.example/sample"


def _hexes(hashes):
    return [h.hex() for h in hashes]


def merkle_log():
    draw = Draw("log")
    cases = []
    # The leaves of the vectors of RFC 6962's reference implementation.
    leaves = [bytes.fromhex(h) for h in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")]
    tree = log.Tree(map(log.leaf_hash, leaves))
    for i, leaf in enumerate(leaves[:4]):
        cases.append({"kind": "leaf", "name": f"leaf {i}", "data": leaf.hex(), "hash": log.leaf_hash(leaf).hex()})
    for size in range(len(leaves) + 1):
        listed = [leaf.hex() for leaf in leaves[:size]]
        cases.append({"kind": "root", "name": f"{size} leaves", "leaves": listed, "root": tree.root(size).hex()})
    cases += _proofs(tree)
    cases += _checkpoints(draw, tree)
    cases += _receipts(draw, tree, leaves)
    cases += _tiles()
    return {"about": "protocol.md section 9: RFC 6962, C2SP signed-note, tlog-checkpoint, tlog-cosignature, tlog-tiles, tlog-proof.", "cases": cases}


def _proofs(tree):
    size = tree.size

    def inclusion(name, index, size, path, holds=False, root=None):
        return {
            "kind": "inclusion" if holds else "bad-inclusion",
            "name": name,
            "index": index,
            "size": size,
            "leaf": tree.levels[0][min(index, tree.size - 1)].hex(),
            "root": (root or tree.root(min(size, tree.size))).hex(),
            "path": _hexes(path),
        }

    for index, of in ((0, 1), (0, 8), (5, 8), (6, 7), (2, 3), (4, 5)):
        yield inclusion(f"leaf {index} of {of}", index, of, tree.inclusion_proof(index, of), True)
    path = tree.inclusion_proof(5, size)
    yield inclusion("another index", 4, size, path)
    yield inclusion("an index beyond the tree", 8, size, path)
    yield inclusion("another size", 5, 6, path, root=tree.root())
    yield inclusion("another root", 5, size, path, root=tree.root(7))
    yield inclusion("a hash too few", 5, size, path[:-1])
    yield inclusion("a hash too many", 5, size, [*path, bytes(32)])
    yield inclusion("hashes in another order", 5, size, path[::-1])
    yield inclusion("a hash altered", 5, size, [bytes(32), *path[1:]])

    def consistency(name, old, new, path, holds=False, old_root=None, root=None):
        return {
            "kind": "consistency" if holds else "bad-consistency",
            "name": name,
            "old_size": old,
            "old_root": (old_root or tree.root(old)).hex(),
            "size": new,
            "root": (root or tree.root(new)).hex(),
            "path": _hexes(path),
        }

    for old, new in ((1, 8), (4, 8), (6, 8), (3, 7), (7, 8), (8, 8)):
        yield consistency(f"{old} to {new}", old, new, tree.consistency_proof(old, new), True)
    path = tree.consistency_proof(6, 8)
    yield consistency("another old root", 6, 8, path, old_root=tree.root(5))
    yield consistency("another new root", 6, 8, path, root=tree.root(7))
    yield consistency("another old size", 5, 8, path)
    yield consistency("back in time", 8, 6, path)
    yield consistency("a hash too few", 6, 8, path[:-1])
    yield consistency("a hash too many", 6, 8, [*path, bytes(32)])
    yield consistency("a proof where none is needed", 8, 8, path)
    yield consistency("two roots of one size", 8, 8, [], old_root=tree.root(7))


def _checkpoints(draw, tree):
    seed, other, witness = draw.bytes(), draw.bytes(), draw.bytes()
    key, size, root = ed25519.public_key(seed), tree.size, tree.root()
    body = log.checkpoint_body(ORIGIN, size, root)
    note = log.sign_note(body, ORIGIN, seed)

    def case(name, note, holds=False):
        head = {"size": size, "root": root.hex()} if holds else {}
        data = note.decode()
        kind = "checkpoint" if holds else "bad-checkpoint"
        return {"kind": kind, "name": name, "note": data, "origin": ORIGIN, "key": key.hex(), **head}

    stranger = log.sign_note(body, "stranger.example", other)[len(body) + 1 :]
    cosigned = log.cosignature_line(body, "witness.example/w1", witness, 1_800_000_000)
    yield case("signed by the log", note, True)
    yield case("with a stranger's signature", note + stranger, True)
    yield case("with a cosignature", note + cosigned, True)
    yield case("signed by another key", log.sign_note(body, ORIGIN, other))
    yield case("signed in another name", log.sign_note(body, "stranger.example", seed))
    yield case("another origin", log.sign_note(log.checkpoint_body("stranger.example", size, root), ORIGIN, seed))
    yield case("an altered size", note.replace(f"\n{size}\n".encode(), f"\n{size + 1}\n".encode()))
    yield case("an extension line", log.sign_note(body + b"more\n", ORIGIN, seed))
    yield case("a size with a leading zero", log.sign_note(body.replace(b"\n8\n", b"\n08\n"), ORIGIN, seed))
    yield case("a size with a sign", log.sign_note(body.replace(b"\n8\n", b"\n+8\n"), ORIGIN, seed))
    short = body.replace(to_base64(root).encode(), to_base64(root[:31]).encode())
    yield case("a short root", log.sign_note(short, ORIGIN, seed))
    yield case("no signature", body + b"\n")
    yield case("no empty line", note.replace(b"\n\n", b"\n"))
    yield case("no newline at the end", note[:-1])
    yield case("carriage returns", note.replace(b"\n", b"\r\n"))
    yield case("a hyphen for the dash", note.replace("\u2014".encode(), b"-"))
    wrong = log.sign_note(log.checkpoint_body(ORIGIN, size, tree.root(7)), ORIGIN, seed)
    yield case("a second signature of the log that fails", note + wrong[len(body) + 1 :])
    # The log's key id with the signature type of cosignatures is another key.
    yield case("a cosignature in place of the signature", body + b"\n" + log.cosignature_line(body, ORIGIN, seed, 5))

    def cosignature(name, line, holds=False, body=body):
        note = log.sign_note(body, ORIGIN, seed) + line
        fields = {"witness": "witness.example/w1", "key": ed25519.public_key(witness).hex(), "note": note.decode()}
        return {"kind": "cosignature" if holds else "bad-cosignature", "name": name, **fields}

    yield cosignature("by the witness", cosigned, True)
    yield cosignature("of another body", log.cosignature_line(log.checkpoint_body(ORIGIN, 7, tree.root(7)), "witness.example/w1", witness, 5))
    yield cosignature("in another name", log.cosignature_line(body, "witness.example/w2", witness, 5))
    yield cosignature("by another key", log.cosignature_line(body, "witness.example/w1", other, 5))
    yield cosignature("a plain signature", log.sign_note(body, "witness.example/w1", witness)[len(body) + 1 :])
    blob = bytearray(base64.b64decode(cosigned.split()[-1]))
    blob[11] ^= 1
    line = f"\u2014 witness.example/w1 {to_base64(bytes(blob))}\n".encode()
    yield cosignature("an altered time", line)


def _receipts(draw, tree, leaves):
    seed = draw.bytes()
    key, size = ed25519.public_key(seed), tree.size
    note = log.sign_note(log.checkpoint_body(ORIGIN, size, tree.root()), ORIGIN, seed)
    path = tree.inclusion_proof(5, size)
    good = log.receipt(5, path, note)

    def case(name, receipt, holds=False, entry=leaves[5]):
        kind = "receipt" if holds else "bad-receipt"
        fields = {"receipt": receipt.decode(), "entry": entry.hex(), "origin": ORIGIN, "key": key.hex()}
        return {"kind": kind, "name": name, **fields}

    one = log.Tree([log.leaf_hash(leaves[1])])
    alone = log.receipt(0, [], log.sign_note(log.checkpoint_body(ORIGIN, 1, one.root()), ORIGIN, seed))
    yield case("of entry 5", good, True)
    yield case("of the only entry", alone, True, leaves[1])
    yield case("of another entry", good, entry=leaves[4])
    yield case("another index", good.replace(b"index 5", b"index 4"))
    yield case("an index with a leading zero", good.replace(b"index 5", b"index 05"))
    yield case("another header", good.replace(b"@v1", b"@v2"))
    yield case("no index", good.replace(b"index 5\n", b""))
    yield case("a hash too few", good.replace(to_base64(path[0]).encode() + b"\n", b""))
    yield case("a hash that is none", good.replace(to_base64(path[0]).encode(), to_base64(path[0][:31]).encode()))
    yield case("another checkpoint", log.receipt(5, path, log.sign_note(log.checkpoint_body(ORIGIN, 7, tree.root(7)), ORIGIN, seed)))
    yield case("a checkpoint of another key", log.receipt(5, path, log.sign_note(log.checkpoint_body(ORIGIN, size, tree.root()), ORIGIN, draw.bytes())))


def _tiles():
    for folder, index, width in (
        ("0", 0, 256), ("0", 0, 1), ("1", 999, 255), ("entries", 1_000, 256), ("entries", 1_234_067, 17), ("5", 0, 3),
    ):  # fmt: skip
        path = f"tile/{folder}/{log.tile_path(index, width)}"
        yield {"kind": "tile-path", "name": path, "folder": folder, "index": index, "width": width}
    for name, path in {
        "no padding": "tile/0/0",
        "too much padding": "tile/0/x000/000",
        "a missing x": "tile/0/001/234",
        "an x at the end": "tile/0/x000",
        "a width of zero": "tile/0/000.p/0",
        "a width of 256": "tile/0/000.p/256",
        "a width with a leading zero": "tile/0/000.p/01",
        "a level with a leading zero": "tile/00/000",
        "level 64": "tile/64/000",
        "an unknown folder": "tile/data/000",
        "a way out": "tile/0/../000",
        "nothing": "",
    }.items():
        yield {"kind": "bad-tile-path", "name": name, "path": path}
    entries = [b"", b"a", b"bc" * 200]
    data = log.write_bundle(entries)
    base = {"entries": [e.hex() for e in entries]}
    yield {"kind": "bundle", "name": "three entries", **base, "bytes": data.hex()}
    for name, bad in {"it ends within an entry": data[:-1], "it ends within a length": data[:1], "a byte too many": data + b"\0"}.items():
        yield {"kind": "bad-bundle", "name": name, "width": 3, "bytes": bad.hex()}
    yield {"kind": "bad-bundle", "name": "an entry too few", "width": 4, "bytes": data.hex()}
    yield {"kind": "bad-bundle", "name": "an entry too many", "width": 2, "bytes": data.hex()}
