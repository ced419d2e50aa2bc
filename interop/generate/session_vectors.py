"""Records interop/fixtures/flask-session.json: what Flask-Session answers, and what it keeps in each backend.

    python interop/generate/session_vectors.py --redis redis://127.0.0.1:6379 [OLDER_PYTHON]     writes the file
    python interop/generate/session_vectors.py --redis redis://127.0.0.1:6379 --check            only says what differs

Needs flask, flask-session 0.8, msgspec, redis, flask-sqlalchemy, pymongo and boto3; keys in Redis begin with a text of
this run's own and are removed. OLDER_PYTHON is one with Flask-Session 0.3 to 0.6, flask, redis and cachelib, such as
Debian's. Absent: what is in the file of it stays.
"""

import base64
import importlib
import json
import os
import pathlib
import pickle
import platform
import secrets
import subprocess
import sys
import tempfile
import uuid
import warnings
from importlib.metadata import version
from unittest.mock import patch

import cachelib.file
import flask
import flask_session
import redis
from flask_session_cases import LEGACY_CASES, NOW, REDIS_CASES
from http_vectors import Frozen

FIXTURES = pathlib.Path(__file__).parent.parent / "fixtures"
FILE = FIXTURES / "flask-session.json"
RUN = f"vial-vectors-{os.getpid()}:"
# How long everything has to live before a request, in seconds.
BEFORE = 1000


class Ids:
    """Ids that show in which order they were made; the same bytes as random ones would be."""

    def __init__(self):
        self.made = 0

    def token(self, length=32):
        self.made += 1
        text = base64.urlsafe_b64encode(self.made.to_bytes(length, "big"))
        return text.rstrip(b"=").decode()

    def uuid4(self):
        self.made += 1
        return uuid.UUID(int=self.made)


def interface_module(kind):
    """Where the version keeps its code for a backend."""
    try:
        return importlib.import_module(f"flask_session.{kind}.{kind}")
    except ImportError:
        return importlib.import_module("flask_session.sessions")


class Backend:
    """Applications of Flask-Session on one backend, and requests to them."""

    def __init__(self, config):
        self.config = config
        self.ids = Ids()

    def request(self, run, *, now=NOW, cookie=None, config={}, secret="dev-secret"):
        app = flask.Flask("vial")
        app.logger.disabled = True
        app.secret_key = secret
        app.config.update({**self.config, **config})
        patches = [
            patch("time.time", return_value=float(now)),
            patch("flask.sessions.datetime", Frozen.at(now)),
            patch.object(secrets, "token_urlsafe", self.ids.token),
        ]
        patches.append(patch.object(cachelib.file, "time", lambda: float(now)))
        module = interface_module(self.config["SESSION_TYPE"])
        if hasattr(module, "datetime"):
            patches.append(patch.object(module, "datetime", Frozen.at(now)))
        if hasattr(module, "uuid4"):
            patches.append(patch.object(module, "uuid4", self.ids.uuid4))
        found = {}
        for one in patches:
            one.start()
        try:
            flask_session.Session(app)

            @app.get("/")
            def view():
                scope = {"session": flask.session, "flash": flask.flash, "found": found, "app": app, "backend": self}
                scope["get_flashed_messages"] = flask.get_flashed_messages
                scope["request_cookie"] = cookie
                exec(run, scope)
                return ""

            headers = {} if cookie is None else {"Cookie": cookie}
            response = app.test_client(use_cookies=False).get("/", headers=headers)
        finally:
            for one in patches:
                one.stop()
        return {
            "status": response.status_code,
            "set_cookie": response.headers.getlist("Set-Cookie"),
            "vary": response.headers.get("Vary"),
            "found": json.loads(json.dumps(found, default=repr)),
        }


# Redis


def redis_cases(client, cases):
    backend = Backend({"SESSION_TYPE": "redis", "SESSION_REDIS": client})
    prefix = RUN + "session:"
    given = {}
    recorded = []
    for asked in cases:
        for key, hexed in asked["stored"].items():
            client.set(RUN + key, bytes.fromhex(hexed), ex=BEFORE)
        cookie = asked["cookie"]
        for name, value in given.items():
            cookie = cookie and cookie.replace("{%s}" % name, value)
        config = {"SESSION_KEY_PREFIX": prefix, **asked["config"]}
        if "SESSION_KEY_PREFIX" in asked["config"]:
            config["SESSION_KEY_PREFIX"] = RUN + asked["config"]["SESSION_KEY_PREFIX"]
        was = before(client)
        answered = backend.request(asked["run"], now=asked["now"], cookie=cookie, config=config, secret=asked["secret"])
        after = content(client)
        for key in [key for key, kept in after.items() if kept["ttl"] == 1]:
            # It would be gone in one recording, and still there in the next.
            client.delete(RUN + key)
        line = "".join(answered["set_cookie"])
        given[asked["name"]] = line.split(";")[0].partition("=")[2]
        recorded.append({**asked, "cookie": cookie, **answered, "after": changes(was, after)})
    remove(client)
    return recorded


def content(client):
    found = {}
    for key in sorted(client.scan_iter(RUN + "*")):
        # In steps of ten seconds, so that it does not matter how fast this runs.
        ttl = max(1, -(-client.pttl(key) // 10_000) * 10) if client.pttl(key) > 2_000 else 1
        found[key.decode()[len(RUN):]] = {"hex": client.get(key).hex(), "ttl": ttl}
    return found


def remove(client):
    for key in client.scan_iter(RUN + "*"):
        client.delete(key)


def before(client):
    """Gives every key a thousand seconds, so that a deadline that is moved differs from one that is not."""
    for key in client.scan_iter(RUN + "*"):
        client.expire(key, BEFORE)
    return content(client)


def changes(before, after):
    """What was written, or only got another deadline; None: what is gone."""
    gone = {key: None for key in before if key not in after}
    return {**{key: kept for key, kept in after.items() if kept != before.get(key)}, **gone}


def records_of_other_formats():
    """Name, format and bytes: pickles of every protocol, and what msgspec writes."""
    for vector in json.loads((FIXTURES / "pickle-vectors.json").read_text())["vectors"]:
        for protocol, hexed in vector["pickles"].items():
            if isinstance(hexed, str):
                yield vector["name"], "pickle " + protocol, hexed
    for vector in json.loads((FIXTURES / "flask-vectors.json").read_text())["msgspec"]["cases"]:
        if "hex" in vector["msgpack"]:
            yield vector["name"], "msgpack", vector["msgpack"]["hex"]
        if "text" in vector["json"]:
            yield vector["name"], "json", vector["json"]["text"].encode().hex()


def rewriting(client):
    """Records in Redis of another format than the application's, and what is there after a request that touched nothing."""
    recorded = []
    for written in ("msgpack", "json"):
        config = {"SESSION_TYPE": "redis", "SESSION_REDIS": client, "SESSION_KEY_PREFIX": RUN}
        backend = Backend({**config, "SESSION_SERIALIZATION_FORMAT": written})
        for name, format, hexed in records_of_other_formats():
            if format == written:
                continue
            key = RUN + "a" * 43
            client.set(key, bytes.fromhex(hexed), ex=500)
            status = backend.request("", cookie="session=" + "a" * 43)["status"]
            after = client.get(key).hex()
            case = {"name": name, "from": format, "to": written, "hex": hexed, "status": status}
            recorded.append({**case, "after": after if after != hexed else None})
            client.delete(key)
    return recorded


# Others: the layout


def signer():
    from itsdangerous import Signer

    recorded = []
    for secret in ("dev-secret", "new"):
        for sid in ("SID0001", "abc", "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYm8", "a.b.c"):
            made = Signer(secret, salt="flask-session", key_derivation="hmac")
            recorded.append({"secret": secret, "sid": sid, "cookie": made.sign(sid).decode()})
    return recorded


def sqlalchemy_rows():
    import sqlite3

    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/sessions.sqlite"
        backend = Backend({"SESSION_TYPE": "sqlalchemy", "SQLALCHEMY_DATABASE_URI": "sqlite:///" + path})

        def rows(sql="SELECT id, session_id, hex(data), expiry FROM sessions"):
            with sqlite3.connect(path) as database:
                return [list(row) for row in database.execute(sql)]

        def step(name, run, **more):
            answered = backend.request(run, **more)
            return {"name": name, **answered, "rows": rows()}

        steps = [step("set", "session['a'] = 1")]
        cookie = steps[0]["set_cookie"][0].split(";")[0]
        schema = rows("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
        steps.append(step("read", "found['a'] = session['a']", now=NOW + 10, cookie=cookie))
        steps.append(step("expired", "found['a'] = session.get('a')", now=NOW + 40 * 86400, cookie=cookie))
        steps.append(step("set_again", "session['b'] = 1"))
        cookie = steps[-1]["set_cookie"][0].split(";")[0]
        with sqlite3.connect(path) as database:
            database.execute("UPDATE sessions SET expiry = NULL")
        steps.append(step("null_expiry", "found['b'] = session.get('b')", cookie=cookie))
        steps.append(step("set_third", "session['c'] = 1"))
        cookie = steps[-1]["set_cookie"][0].split(";")[0]
        steps.append(step("clear", "session.clear()", cookie=cookie))
        return {"schema": schema[0][0], "steps": steps}


def files(threshold=500, **more):
    with tempfile.TemporaryDirectory() as folder:
        found = []
        # What older versions take is the folder.
        config = {"SESSION_TYPE": "filesystem", "SESSION_FILE_DIR": folder, "SESSION_FILE_THRESHOLD": threshold, **more}
        backend = Backend(config)
        answered = backend.request("session['a'] = 1")
        for name in sorted(os.listdir(folder)):
            data = pathlib.Path(folder, name).read_bytes()
            mode = oct(os.stat(os.path.join(folder, name)).st_mode & 0o777)
            found.append({"name": name, "hex": data.hex(), "mode": mode})
        return {"cachelib": version("cachelib"), "set_cookie": answered["set_cookie"], "files": found}


def cachelib_redis(client):
    from cachelib.redis import RedisCache

    cache = RedisCache(host=client, key_prefix=RUN + "cl:")
    backend = Backend({"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": cache})
    answered = backend.request("session['a'] = 1")
    after = content(client)
    remove(client)
    return {"cachelib": version("cachelib"), "set_cookie": answered["set_cookie"], "after": after}


class Calls:
    """A client that keeps what it is asked, and answers with what it was given last."""

    def __init__(self):
        self.log = []
        self.kept = None

    def set(self, *args, **more):
        self.log.append(["set", args[0], bytes(args[1]).hex(), *args[2:], more])
        self.kept = args[1]
        return True

    def get(self, key):
        self.log.append(["get", key])
        return self.kept

    def delete(self, key):
        self.log.append(["delete", key])
        return True


def memcached_calls():
    client = Calls()
    backend = Backend({"SESSION_TYPE": "memcached", "SESSION_MEMCACHED": client})
    for lifetime in (86400, 31 * 86400):
        backend.request("session['a'] = 1", config={"PERMANENT_SESSION_LIFETIME": lifetime})
    return client.log


def mongodb_update():
    from unittest.mock import MagicMock

    import bson
    import pymongo

    client = MagicMock(spec=pymongo.MongoClient)
    collection = client.__getitem__.return_value.__getitem__.return_value
    config = {"SESSION_TYPE": "mongodb", "SESSION_MONGODB": client}
    Backend(config).request("session['a'] = 1")
    query, update, *_ = [*collection.update_one.call_args.args, *collection.update_one.call_args.kwargs.values()]
    return {
        "database": client.__getitem__.call_args.args[0],
        "collection": client.__getitem__.return_value.__getitem__.call_args.args[0],
        "index": [repr(part) for part in collection.create_index.call_args.args],
        "index_options": collection.create_index.call_args.kwargs,
        "query": query,
        "bson": bson.encode(update["$set"]).hex(),
        "upsert": True,
    }


def dynamodb_item():
    import types

    import boto3

    # What it imports for types only is not to be had everywhere.
    for name in ("mypy_boto3_dynamodb", "mypy_boto3_dynamodb.service_resource"):
        stub = types.ModuleType(name)
        stub.DynamoDBServiceResource = stub.Table = stub.DynamoDBClient = object
        sys.modules.setdefault(name, stub)
    asked = []

    def answer(request, **_):
        from botocore.awsrequest import AWSResponse

        name = request.headers["X-Amz-Target"].decode().split(".")[1]
        asked.append([name, json.loads(request.body)])
        raw = type("Raw", (), {"read": lambda self, *a: b"{}", "stream": lambda self, *a, **k: iter([b"{}"])})()
        known = {"DescribeTable": b'{"Table": {"TableStatus": "ACTIVE"}}'}
        response = AWSResponse(request.url, 200, {"x-amzn-RequestId": "1"}, raw)
        response._content = known.get(name, b"{}")
        return response

    resource = boto3.resource(
        "dynamodb", region_name="us-west-2", endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="x", aws_secret_access_key="x",
    )  # fmt: skip
    resource.meta.client.meta.events.register("before-send.dynamodb", answer)
    Backend({"SESSION_TYPE": "dynamodb", "SESSION_DYNAMODB": resource}).request("session['a'] = 1")
    return asked


def newest(client):
    return {
        "versions": versions(["flask", "flask-session", "msgspec", "itsdangerous", "werkzeug", "cachelib", "redis"]),
        "signer": signer(),
        "redis": redis_cases(client, REDIS_CASES),
        "rewriting": rewriting(client),
        "sqlalchemy": sqlalchemy_rows(),
        "files": files(),
        "files_without_count": files(0),
        "cachelib_redis": cachelib_redis(client),
        "memcached": memcached_calls(),
        "mongodb": mongodb_update(),
        "dynamodb": dynamodb_item(),
    }


def legacy(client):
    names = ["flask", "flask-session", "itsdangerous", "werkzeug", "cachelib"]
    memcached = Calls()
    memcached.set = lambda key, value, *more: memcached.log.append(["set", key, text_of(value), *more])
    Backend({"SESSION_TYPE": "memcached", "SESSION_MEMCACHED": memcached}).request("session['a'] = 1")
    return {
        "versions": versions(names),
        "pickle_default": pickle.DEFAULT_PROTOCOL,
        "redis": redis_cases(client, LEGACY_CASES),
        "files": files(),
        "memcached": memcached.log,
    }


def text_of(value):
    return value if isinstance(value, str) else value.hex()


def versions(names):
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


ABOUT = (
    "Recorded by interop/generate/session_vectors.py: what real applications with Flask-Session answered and kept. In "
    "`redis`, `run` is what the view did, `found` what it saw, `stored` what was put there before, `after` what it changed: "
    "all keys had 1000 s left; `ttl` is rounded up to 10 s; null: gone. "
    "`rewriting`: what became of a record of another format when a request touched nothing; null: left as it was."
)


def main(args):
    warnings.simplefilter("ignore")
    url = args[args.index("--redis") + 1] if "--redis" in args else "redis://127.0.0.1:6379"
    client = redis.Redis.from_url(url)
    try:
        return run(args, url, client)
    finally:
        remove(client)


def run(args, url, client):
    if "--legacy" in args:
        print(json.dumps(legacy(client)))
        return 0
    known = json.loads(FILE.read_text()) if FILE.exists() else {}
    fresh = {"about": ABOUT, **newest(client)}
    pythons = [arg for arg in args if not arg.startswith("--") and arg != url]
    older = []
    for python in pythons:
        script = [python, str(pathlib.Path(__file__).resolve()), "--legacy", "--redis", url]
        older.append(json.loads(subprocess.check_output(script)))
    fresh["legacy"] = older or known.get("legacy", [])
    differ = [key for key in fresh if key not in ("about", "versions") and known.get(key) != fresh[key]]
    print(f"differ: {', '.join(differ) or 'none'}")
    if "--check" in args:
        return 1 if differ else 0
    FILE.write_text(json.dumps(fresh, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
