#!/usr/bin/env python3
"""Checks a .subject-proof or .tlog-proof of a Probity log with the log's public key, and nothing else.

Usage: verify_proof.py FILE VKEY [LEAF_HASH]

It shares no code with Probity: it is written from sections 2, 4 and 5 of the log format, and needs the standard library
and, for Ed25519, `cryptography`. Exit status: 0 the file proves what it says, 1 it does not, 2 it could not be checked.
"""
import base64
import hashlib
import re
import struct
import sys

KINDS = ["GENESIS", "EVENT", "SEAL", "ERASURE", "KEY", "CLOSE"]


class Bad(Exception):
    pass


def need(holds, why):
    if not holds:
        raise Bad(why)


def H(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def b64(text, length=None):
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raise Bad("not base 64: " + text[:40])
    need(base64.b64encode(raw).decode() == text, "a second spelling of base 64")
    need(length is None or len(raw) == length, "%d bytes instead of %s" % (len(raw), length))
    return raw


def number(text):
    need(re.fullmatch(r"0|[1-9][0-9]{0,18}", text) and int(text) < 2**63, "not a number: " + text[:40])
    return int(text)


def after(line, word):
    need(line.startswith(word + " "), "expected %r, found %r" % (word, line[:40]))
    return line[len(word) + 1:]


# -- Ed25519 and signed notes --------------------------------------------------------------------------------------

def ed25519(key, signature, message):
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        return True
    except (InvalidSignature, ValueError):
        return False


def parse_vkey(text):
    name, key_id, key = text.split("+", 2)
    raw = base64.b64decode(key, validate=True)
    if len(raw) != 33 or raw[0] != 1 or H(name.encode(), b"\n", raw)[:4].hex() != key_id:
        raise ValueError("its id is not that of its key")
    return name, bytes.fromhex(key_id), raw[1:]


def checkpoint(note, vkey):
    """The size and root that the log signed."""
    name, key_id, key = vkey
    need(note.endswith("\n") and "\n\n" in note, "no signed note")
    at = note.rindex("\n\n")
    text, signatures = note[:at + 1], note[at + 2:]
    signed = False
    need(not re.search("[\x00-\x09\x0b-\x1f]", note), "a control character")
    for line in signatures[:-1].split("\n"):
        match = re.fullmatch(r"\u2014 ([^ +]+) ([^ ]+)", line)
        need(match, "no line of signature: " + line[:40])
        raw = b64(match.group(2))
        need(len(raw) > 4, "a signature of nothing")
        if match.group(1) == name and raw[:4] == key_id:
            need(ed25519(key, raw[4:], text.encode()), "the log's signature is not good")
            signed = True
    need(signed, "the log's key did not sign")
    lines = text.split("\n")
    need(len(lines) == 4 and lines[3] == "", "a checkpoint has three lines")
    need(lines[0] == name, "the checkpoint is of another log: " + lines[0])
    return number(lines[1]), b64(lines[2], 32)


# -- The tree: RFC 6962 --------------------------------------------------------------------------------------------

def leaf_hash(leaf):
    return H(b"\0", leaf)


def included(leaf, index, size, root, siblings):
    """RFC 9162 section 2.1.3.2."""
    need(index < size, "an index beyond the size")
    fn, sn, found = index, size - 1, leaf
    for sibling in siblings:
        need(sn > 0, "too many hashes")
        if fn & 1 or fn == sn:
            found = H(b"\1", sibling, found)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            found = H(b"\1", found, sibling)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0, "too few hashes")
    need(found == root, "the hashes of entry %d do not lead to the signed root" % index)


def tree_root(leaves):
    """RFC 6962 section 2.1, from leaf hashes."""
    if not leaves:
        return H()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return H(b"\1", tree_root(leaves[:split]), tree_root(leaves[split:]))


# -- Leaves: section 2 ---------------------------------------------------------------------------------------------

def decode_leaf(leaf):
    """Kind, index, time, what the leaf files where, and the map root of a SEAL with its number of keys."""
    need(53 <= len(leaf) <= 2698 and leaf[:4] == b"PRB1" and leaf[4] < 6, "no leaf")
    kind, (index, recorded_at) = KINDS[leaf[4]], struct.unpack(">QQ", leaf[5:21])
    body, stream, subjects, seal = leaf[53:], None, [], None
    if kind == "SEAL":
        need(len(body) == 49 and body[0] == 1, "no SEAL of map algorithm 1")
        keys, previous = struct.unpack(">QQ", body[33:49])
        need(previous != 1 and previous <= index, "a SEAL after itself")
        seal = (body[1:33], keys)
    elif kind in ("EVENT", "ERASURE"):
        rest = 12 if kind == "ERASURE" else 0
        need(len(body) >= 41 and body[40] <= 64, "no EVENT")
        need(len(body) == 41 + 40 * body[40] + 32 + rest, "an EVENT of another length")
        place = lambda at: (body[at:at + 32], struct.unpack(">Q", body[at + 32:at + 40])[0])
        stream, subjects = place(0), [place(41 + 40 * j) for j in range(body[40])]
        keys = [key for key, _ in subjects]
        need(keys == sorted(set(keys)), "subjects out of order")
    return kind, index, recorded_at, stream, subjects, seal


# -- The completeness map: section 5 -------------------------------------------------------------------------------

def uvarint(value):
    return bytes([value]) if value < 128 else bytes([value & 127 | 128, value >> 7])


def decode_path(raw):
    steps, at = [], 0
    while at < len(raw):
        bit, width = raw[at], 1
        if bit >= 128:
            need(at + 1 < len(raw) and raw[at + 1] == 1, "a bit beyond 255, or not in its shortest form")
            width = 2
        need(not steps or bit < steps[-1][0], "bits that do not decrease")
        sibling = raw[at + width:at + width + 32]
        need(len(sibling) == 32, "a sibling cut short")
        steps.append((bit, sibling))
        at += width + 32
    return steps


def bit_of(key, bit):
    return key[bit // 8] >> 7 - bit % 8 & 1


def climb(key, value, path):
    found = H(b"\0", uvarint(32), key, uvarint(32), value)
    for bit, sibling in path:
        left, right = (sibling, found) if bit_of(key, bit) else (found, sibling)
        found = H(b"\1", uvarint(bit), left, right)
    return found


# -- The two files -------------------------------------------------------------------------------------------------

def split_tlog_proof(text):
    """Extra, index, siblings and the signed note."""
    head, found, note = text.partition("\n\n")
    lines = head.split("\n")
    need(found and lines.pop(0) == "c2sp.org/tlog-proof@v1", "no tlog-proof")
    extra = b64(after(lines.pop(0), "extra")) if lines and lines[0].startswith("extra ") else None
    need(extra != b"", "an empty extra")
    need(lines, "no index")
    index = number(after(lines.pop(0), "index"))
    need(len(lines) <= 63, "too many hashes")
    return extra, index, [b64(line, 32) for line in lines], note


def check_tlog_proof(text, vkey, wanted):
    extra, index, siblings, note = split_tlog_proof(text)
    size, root = checkpoint(note, vkey)
    need(not wanted or not extra or wanted == extra, "the file is about another leaf hash")
    leaf = wanted or extra or b""
    if len(leaf) != 32:
        raise ValueError("the file carries no leaf hash: name it")
    included(leaf, index, size, root, siblings)
    return "entry %d with leaf hash %s is in %s as of %d entries" % (index, leaf.hex(), vkey[0], size)


def check_subject_proof(text, vkey):
    head, found, tlog_proof = text.partition("\n\n")
    lines = head.split("\n")
    need(found and lines.pop(0) == "probity/subject-proof@v1", "no subject-proof")
    need(len(lines) >= 4, "too few lines")
    match = re.fullmatch(r"(subject|stream) ([a-z][a-z0-9]{0,15}/[0-7][0-9A-HJKMNP-TV-Z]{25})", lines.pop(0))
    need(match, "no name")
    which, name = match.groups()
    key = H(b"probity/" + which.encode() + b"/v1\0", name.encode())
    answer, _, value = lines.pop(0).partition(" ")
    path = decode_path(b64(after(lines.pop(0), "path")))
    seal_leaf = b64(after(lines.pop(0), "seal"))

    # The checkpoint, and the SEAL as the last entry under it.
    extra, seal_index, siblings, note = split_tlog_proof(tlog_proof)
    size, root = checkpoint(note, vkey)
    need(not extra, "something unsigned beside the SEAL's proof")
    need(seal_index == size - 1, "the SEAL is not the last entry under the checkpoint")
    included(leaf_hash(seal_leaf), seal_index, size, root, siblings)
    kind, index, _, _, _, seal = decode_leaf(seal_leaf)
    need(kind == "SEAL" and index == seal_index, "no SEAL at its place")
    map_root, map_keys = seal
    where = "as of %d entries of %s" % (size, vkey[0])

    if answer == "empty":
        need(not value and not path and not lines, "an empty map shows nothing")
        need(map_root == H() and map_keys == 0, "the map is not empty")
        return "nothing is filed under %s %s (or any other name) %s" % (which, name, where)
    need(map_keys > 0, "the SEAL counts no keys")
    if answer == "absent":
        other = b64(value, 64)
        need(not lines, "leaves of something absent")
        need(other[:32] != key, "what is said to be absent is there")
        need(all(bit_of(key, bit) == bit_of(other, bit) for bit, _ in path), "the neighbour stands elsewhere")
        need(climb(other[:32], other[32:], path) == map_root, "the path does not lead to the sealed root")
        return "nothing is filed under %s %s %s" % (which, name, where)
    need(answer == "present", "neither present, absent nor empty")
    count = number(value)
    need(count > 0 and len(lines) in (count, 2 * count), "not as many lines as there are entries")
    own, last, said = [], -1, []
    for sequence, line in enumerate(lines[:count]):
        leaf = b64(after(line, "leaf"))
        kind, index, recorded_at, stream, subjects, _ = decode_leaf(leaf)
        places = [stream] if which == "stream" else subjects
        need((key, sequence) in places, "entry %d is not number %d of this history" % (index, sequence))
        need(last < index < seal_index, "entry %d is out of order" % index)
        last = index
        own.append(leaf_hash(struct.pack(">Q", index) + leaf_hash(leaf)))
        if len(lines) > count:
            raw = b64(after(lines[count + sequence], "inclusion"))
            need(len(raw) % 32 == 0, "hashes cut short")
            included(leaf_hash(leaf), index, size, root, [raw[at:at + 32] for at in range(0, len(raw), 32)])
        said.append("\n  %d: entry %d, %s, leaf hash %s" % (sequence, index, kind, leaf_hash(leaf).hex()))
    filed = H(b"probity/history/v1\0", struct.pack(">Q", count), tree_root(own))
    need(climb(key, filed, path) == map_root, "these are not all, or not these, as the SEAL has it")
    return "all %d entries filed under %s %s %s:%s" % (count, which, name, where, "".join(said))


def main(arguments):
    try:
        file, vkey, leaf = (arguments + [""])[:3]
        text, vkey, leaf = open(file, "rb").read(), parse_vkey(vkey), bytes.fromhex(leaf)
        import cryptography
    except (OSError, ValueError, ImportError) as error:
        print("could not be checked: %s" % error, file=sys.stderr)
        return 2
    try:
        text = text.decode()
        if text.startswith("probity/subject-proof@v1\n"):
            print("good:", check_subject_proof(text, vkey))
        else:
            print("good:", check_tlog_proof(text, vkey, leaf))
        return 0
    except (Bad, UnicodeDecodeError) as error:
        print("BAD: %s" % error)
        return 1
    except ValueError as error:
        print("could not be checked: %s" % error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
