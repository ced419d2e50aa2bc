"""Reads records as Flask and Flask-Session read them and says what Python makes of them.

Takes a JSON list of {"format": "msgpack" | "json" | "tagged-json", "hex": "..."} on standard input. Each is the record
{"v": value}. Prints a list of {"type", "repr"} of the values with "again", the record as Python writes it again, or
{"error"}. Needs flask, flask-session and msgspec.
"""

import json
import re
import sys

from flask import Flask
from flask.sessions import session_json_serializer
from flask_session.base import MsgSpecSerializer

app = Flask("vial")


def decode(format, record):
    if format == "tagged-json":
        return session_json_serializer.loads(record.decode())
    return MsgSpecSerializer(app, format).decode(record)


def encode(format, value):
    if format == "tagged-json":
        return session_json_serializer.dumps({"v": value}).encode()
    return MsgSpecSerializer(app, format).encode({"v": value})


def show(value):
    return re.sub(" at 0x[0-9a-f]+", "", repr(value))


def describe(format, record):
    try:
        value = decode(format, record)["v"]
        again = encode(format, value).hex()
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {"type": type(value).__name__, "repr": show(value), "again": again}


if __name__ == "__main__":
    with app.app_context():
        asked = json.load(sys.stdin)
        json.dump([describe(one["format"], bytes.fromhex(one["hex"])) for one in asked], sys.stdout)
