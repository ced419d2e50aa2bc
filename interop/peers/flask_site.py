"""A site on Flask, for the tests that share its sessions.

    flask_site.py '{"backend": "redis", "url": "redis://127.0.0.1", "format": "msgpack", "signer": false, "secret": "..."}'

Prints one line of JSON, {"port", "versions", "names"}, and serves until its standard input ends. Each page takes and
gives JSON. `backend` is a name of `backends.py`; `name` is the table or database, `folder` the directory, as needed;
`borrow` names packages to be taken from another directory, such as {"cachelib": "/usr/lib/python3/dist-packages"};
`values` is the format whose values are written.
"""

import importlib.util
import json
import os
import sys
import threading
import warnings
from importlib import metadata
from pathlib import Path

warnings.filterwarnings("ignore")

asked = json.loads(sys.argv[1])
versions = {}


def borrow(name, folder):
    root = Path(folder, name)
    spec = importlib.util.spec_from_file_location(name, root / "__init__.py", submodule_search_locations=[str(root)])
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = metadata.distributions(name=name, path=[folder])
    versions.update({name: one.version for one in found})


for package, directory in asked.get("borrow", {}).items():
    borrow(package, directory)

from backends import configure  # noqa: E402
from canonical import canonical  # noqa: E402
from flask import Flask, flash, get_flashed_messages, request, session  # noqa: E402
from markupsafe import Markup  # noqa: E402
from values import values  # noqa: E402
from werkzeug.serving import WSGIRequestHandler, make_server  # noqa: E402

app = Flask("vial")
app.config.update(SECRET_KEY=asked["secret"], PERMANENT_SESSION_LIFETIME=asked["lifetime"])
left = configure(app, asked)
VALUES = values(asked["values"])


@app.post("/write")
def write():
    for name in request.get_json():
        session[name] = VALUES[name]
    return {}


@app.post("/read")
def read():
    """What Python says of each value, and their text for the comparison with TypeScript."""
    return {key: [show(value), canonical(value)] for key, value in session.items()}


def show(value):
    # That of msgspec's Ext shows its address only.
    return canonical(value) if type(value).__name__ == "Ext" else repr(value)


@app.post("/change")
def change():
    session["changed"] = request.get_json()
    return {}


@app.post("/flash")
def flash_message():
    wanted = request.get_json()
    flash(Markup(wanted["message"]) if wanted["markup"] else wanted["message"], wanted["category"])
    return {}


@app.post("/flashes")
def flashes():
    return {"shown": [[canonical(part) for part in pair] for pair in get_flashed_messages(with_categories=True)]}


@app.post("/permanent")
def permanent():
    wanted = request.get_json()
    if wanted is not None:
        session.permanent = wanted
    return {"permanent": session.permanent}


@app.post("/logout")
def logout():
    session.clear()
    return {}


@app.post("/stored")
def stored():
    return {"id": session.sid, "left": left(session.sid)}


class Quiet(WSGIRequestHandler):
    def log_request(self, *_):
        pass


NAMES = [
    "flask", "flask-session", "werkzeug", "itsdangerous", "msgspec", "cachelib", "redis", "sqlalchemy", "flask-sqlalchemy",
    "psycopg2", "psycopg2-binary", "pymysql", "pymongo", "pymemcache", "boto3", "markupsafe",
]  # fmt: skip


def version_of(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


if __name__ == "__main__":
    installed = {name: version_of(name) for name in NAMES}
    python = ".".join(map(str, sys.version_info[:3]))
    found = {"python": python, **{name: version for name, version in installed.items() if version}, **versions}
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    print(json.dumps({"port": server.server_port, "versions": found, "names": list(VALUES)}), flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)
