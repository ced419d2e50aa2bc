"""Records the vectors of interop/fixtures/flask-vectors.json again, from the inputs that they hold.

    python interop/generate/vectors.py           writes the file
    python interop/generate/vectors.py --check   only says what differs; exit status 1 if anything does

Records what PARTS names; keeps the rest of the file, such as what Node's zlib gave. Needs flask, flask-session and
msgspec; their versions go into `versions.recorded`.
"""

import datetime as dt
import enum
import functools
import json
import pathlib
import platform
import re
import sys
import zlib
from collections import OrderedDict, defaultdict, deque, namedtuple
from decimal import Decimal
from importlib.metadata import version
from unittest.mock import patch
from uuid import UUID

import msgspec
from flask import Flask, session
from flask.sessions import SecureCookieSessionInterface, session_json_serializer
from http_vectors import Frozen
from itsdangerous import BadSignature
from itsdangerous.encoding import base64_encode, int_to_bytes
from markupsafe import Markup
from msgspec.msgpack import Ext

FILE = pathlib.Path(__file__).parent.parent / "fixtures" / "flask-vectors.json"
FORMATS = {"msgpack": msgspec.msgpack, "json": msgspec.json}


class Col(enum.Enum):
    R = "red"


class Seven(enum.IntEnum):
    SEVEN = 7


class Text(str, enum.Enum):
    A = "a"


class SubInt(int):
    pass


class SubDict(dict):
    pass


# Inputs whose type the notation does not hold, by the name of their case.
SPECIAL = {
    "bytearray": bytearray(b"ab"),
    "enum": Col.R,
    "intenum": Seven.SEVEN,
    "strenum": Text.A,
    "namedtuple": namedtuple("Pair", "a b")(1, 2),
    "subint": SubInt(3),
    "subdict": SubDict(a=1),
    "defaultdict": defaultdict(int, a=1),
    "ordereddict": OrderedDict(a=1),
    "object": object(),
    "range": range(3),
    "deque": deque([1]),
    "ext": Ext(5, b"ab"),
}


def from_notation(node):
    if not isinstance(node, dict):
        return node
    kind = node["t"]
    if kind in ("int", "float", "decimal", "uuid", "markup"):
        make = {"int": int, "float": float, "decimal": Decimal, "uuid": UUID, "markup": Markup}[kind]
        return make(node["v"])
    if kind == "bytes":
        return bytes.fromhex(node["hex"])
    if kind in ("list", "tuple", "set", "frozenset"):
        make = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind]
        return make(from_notation(item) for item in node["v"])
    if kind == "dict":
        return {from_notation(key): from_notation(value) for key, value in node["v"]}
    if kind in ("datetime", "date", "time"):
        return getattr(dt, kind).fromisoformat(node["iso"])
    if kind == "timedelta":
        return dt.timedelta(node["days"], node["seconds"], node["microseconds"])
    if kind == "str_surrogates":
        return "".join(map(chr, node["v"]))
    if kind == "python" and node["type"] == "builtins.complex":
        return complex(node["repr"])
    raise ValueError(f"no value for {node}")


def to_notation(value):
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Markup):
        return {"t": "markup", "v": str(value)}
    if isinstance(value, str):
        if any(0xD800 <= ord(c) <= 0xDFFF for c in value):
            return {"t": "str_surrogates", "v": [ord(c) for c in value]}
        return value
    if isinstance(value, (int, float)):
        return {"t": type(value).__name__, "v": repr(value)}
    if isinstance(value, UUID):
        return {"t": "uuid", "v": str(value)}
    if isinstance(value, bytes):
        return {"t": "bytes", "hex": value.hex()}
    if isinstance(value, (list, tuple)):
        return {"t": type(value).__name__, "v": [to_notation(item) for item in value]}
    if isinstance(value, dict):
        return {"t": "dict", "v": [[to_notation(k), to_notation(v)] for k, v in value.items()]}
    if isinstance(value, dt.datetime):
        tz = None if value.tzinfo is None else str(value.tzinfo)
        return {"t": "datetime", "iso": value.isoformat(), "tz": tz}
    kind = type(value)
    return {"t": "python", "type": f"{kind.__module__}.{kind.__name__}", "repr": repr(value)}


def message(error):
    return f"{type(error).__name__}: {error}"


# Flask's cookie


def signer(*keys_oldest_first):
    app = Flask("vial")
    app.secret_key = keys_oldest_first[-1]
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    serializer.secret_keys = [key.encode() for key in keys_oldest_first]
    return app, serializer


def cookie_case(case):
    session = from_notation(case["input"])
    app, serializer = signer(case["secret"])
    with patch("time.time", return_value=case["timestamp"]):
        plain = session_json_serializer.dumps(session)
        with app.app_context():
            text = session_json_serializer.dumps(session)
            cookie = serializer.dumps(session)
            decoded = serializer.loads(cookie)
    recorded = {key: case[key] for key in ("name", "secret", "timestamp", "input")}
    recorded["json_in_app_context"] = text
    if "json_without_app_context" in case:
        recorded["json_without_app_context"] = plain
    recorded["json_len"] = len(text.encode())
    recorded["zlib_len"] = len(zlib.compress(text.encode()))
    recorded["compressed"] = cookie.startswith(".")
    return {**recorded, "cookie": cookie, "decoded": to_notation(decoded)}


def edge_case(case):
    app, _ = signer("dev-secret")
    recorded = {"name": case["name"], "input": case["input"]}
    with app.app_context():
        try:
            return {**recorded, "json": session_json_serializer.dumps(from_notation(case["input"]))}
        except Exception as error:
            return {**recorded, "error": message(error)}


def verify_case(case):
    app, serializer = signer(*case["keys_oldest_first"])
    with app.app_context(), patch("time.time", return_value=case["now"]):
        try:
            value = serializer.loads(case["cookie"], max_age=case["max_age"])
            expect = {"ok": True, "value": to_notation(value)}
        except Exception as error:
            empty = isinstance(error, BadSignature)
            expect = {
                "ok": False,
                "exception": type(error).__name__,
                "message": str(error),
                "flask_gives": "empty session" if empty else "uncaught exception (HTTP 500)",
            }
    return {**case, "expect": expect}


def signer_case(case):
    secret = bytes.fromhex(case["secret_utf8_hex"])
    app = Flask("vial")
    app.secret_key = secret
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    with app.app_context(), patch("time.time", return_value=1_700_000_000):
        cookie = serializer.dumps({"a": 1})
    signed, _, signature = cookie.rpartition(".")
    key = serializer.make_signer(serializer.salt).derive_key(secret)
    shown = {"secret_utf8_hex": case["secret_utf8_hex"], "derived_key_hex": key.hex()}
    return {**shown, "signed_value": signed, "signature": signature, 'cookie_for_{"a":1}@1700000000': cookie}


def timestamp_case(case):
    data = int_to_bytes(case["int"])
    return {"int": case["int"], "bytes_hex": data.hex(), "b64": base64_encode(data).decode()}


# What the views of the key rotation do: the others show their session.
ROTATION = {
    "old_key_cookie": {"a": 1},
    "old_key_permanent_cookie": {"_permanent": True, "a": 1},
    "rotated_modify": {"b": 2},
}


def rotation_case(case):
    app = Flask("vial")
    app.secret_key = case["secret"]
    app.config["SECRET_KEY_FALLBACKS"] = case["fallbacks"]
    found = {}

    @app.get("/")
    def view():
        if case["name"] in ROTATION:
            session.update(ROTATION[case["name"]])
        else:
            found["d"] = dict(session)
        return ""

    cookie = case["request_cookie"]
    headers = {} if cookie is None else {"Cookie": "session=" + cookie}
    with patch("time.time", return_value=1_700_000_000), patch("flask.sessions.datetime", Frozen.at(1_700_000_000)):
        response = app.test_client(use_cookies=False).get("/", headers=headers)
    return {**case, "set_cookie": response.headers.getlist("Set-Cookie"), "observed": found}


def zlib_case(case):
    text = case["json"].encode()
    deflated = zlib.compress(text)
    shown = {"json_len": len(text), "python_zlib_level6_hex": deflated.hex()}
    return {**case, **shown, "python_compressed_wins": len(deflated) < len(text) - 1}


# msgspec


def msgspec_outcome(name, value, known):
    codec = FORMATS[name]
    try:
        record = codec.encode({"v": value})
    except Exception as error:
        return {"encode_error": message(error)}
    decoded = codec.decode(record)["v"]
    shown = {"hex": record.hex()} if name == "msgpack" else {"text": record.decode()}
    shown["decoded"] = to_notation(decoded)
    if "decoded_tz" in known:
        shown["decoded_tz"] = repr(decoded.tzinfo)
    return shown


def msgspec_case(case):
    name = case["name"]
    value = SPECIAL[name] if name in SPECIAL else from_notation(case["input"])
    outcomes = {format: msgspec_outcome(format, value, case[format]) for format in FORMATS}
    return {"name": name, "input": case["input"], **outcomes}


def msgspec_read(case):
    recorded = {key: case[key] for key in ("name", "format", "hex")}
    try:
        value = FORMATS[case["format"]].decode(bytes.fromhex(case["hex"]))
        return {**recorded, "decoded": to_notation(value)}
    except Exception as error:
        kind = type(error)
        text = f"{kind.__module__}.{kind.__name__}: {error}"
        is_decode_error = isinstance(error, msgspec.DecodeError)
        return {**recorded, "error": text, "is_DecodeError": is_decode_error}


PARTS = {
    ("cookie", "signer", "vectors"): signer_case,
    ("cookie", "timestamps"): timestamp_case,
    ("cookie", "key_rotation_flask_3_1_3"): rotation_case,
    ("cookie", "zlib", "cases"): zlib_case,
    ("cookie", "serialize"): cookie_case,
    ("cookie", "serialize_edge"): edge_case,
    ("cookie", "verify"): verify_case,
    ("msgspec", "cases"): msgspec_case,
    ("msgspec", "decode"): msgspec_read,
}


def comparable(case):
    """Addresses of objects, and the module of the script, differ from run to run."""
    text = re.sub(r" at 0x[0-9a-f]+", "", json.dumps(case, sort_keys=True))
    return text.replace("msgspec._core.", "msgspec.")


def main():
    vectors = json.loads(FILE.read_text())
    differences = 0
    for (*path, part), record in PARTS.items():
        group = functools.reduce(dict.__getitem__, path, vectors)
        known = group[part]
        recorded = [record(case) for case in known]
        for before, after in zip(known, recorded):
            if comparable(before) != comparable(after):
                differences += 1
                print(f"{'.'.join([*path, part])}\n  was {before}\n  is  {after}")
        group[part] = recorded
    print(f"{differences} differ")
    if "--check" in sys.argv:
        return 1 if differences else 0
    packages = ["flask", "itsdangerous", "werkzeug", "flask-session", "msgspec"]
    versions = {name: version(name) for name in packages}
    vectors["versions"]["recorded"] = {**versions, "python": platform.python_version()}
    FILE.write_text(json.dumps(vectors, indent=0) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
