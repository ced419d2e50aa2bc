"""Answers requests as a Flask application does: a real request with the cookie, a real response with the next one.

Takes a JSON list of {"secret": "...", "fallbacks": [...], "cookie": "..." or null, "run": "python statements"} on
standard input. The statements see `session`. Prints a list of {"values": {key: [type, repr]}, "set_cookie": [...],
"status"}: the session as the view found it, and what the response sets. Needs flask.
"""

import json
import sys

from flask import Flask, flash, get_flashed_messages, session


def answer(asked):
    app = Flask("vial")
    app.secret_key = asked["secret"]
    app.config["SECRET_KEY_FALLBACKS"] = asked.get("fallbacks", [])
    found = {}

    @app.get("/")
    def view():
        found.update({key: [type(value).__name__, repr(value)] for key, value in session.items()})
        scope = {"session": session, "flash": flash, "get_flashed_messages": get_flashed_messages, "found": found}
        exec(asked.get("run", ""), scope)
        return ""

    cookie = asked.get("cookie")
    headers = {} if cookie is None else {"Cookie": cookie}
    response = app.test_client(use_cookies=False).get("/", headers=headers)
    return {
        "values": found,
        "set_cookie": response.headers.getlist("Set-Cookie"),
        "status": response.status_code,
    }


if __name__ == "__main__":
    json.dump([answer(one) for one in json.load(sys.stdin)], sys.stdout)
