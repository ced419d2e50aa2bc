"""How Flask-Session is configured for each backend, and how to see what it keeps there."""

import datetime as dt
import os
import socket
import struct
import sys
import time
from types import ModuleType
from urllib.parse import urlsplit


def configure(app, asked):
    """Sets the app up for the backend; gives a function from a session's id to the seconds that its record has left."""
    app.config.update(SESSION_USE_SIGNER=asked["signer"], SESSION_SERIALIZATION_FORMAT=asked["format"])
    return BACKENDS[asked["backend"]](app, asked)


def cookie(app, asked):
    return None


def redis(app, asked):
    from redis import Redis

    client = Redis.from_url(asked["url"])
    extend(app, SESSION_TYPE="redis", SESSION_REDIS=client)
    return lambda sid: existing(client.ttl("session:" + sid))


def memcached(app, asked):
    from pymemcache.client.base import Client

    url = urlsplit(asked["url"])
    # By default it does not wait until the server has the record, and the next request may be faster.
    client = Client((url.hostname, url.port), default_noreply=False)
    extend(app, SESSION_TYPE="memcached", SESSION_MEMCACHED=client)

    def left(sid):
        with socket.create_connection((url.hostname, url.port), timeout=5) as connection:
            connection.sendall(f"mg session:{sid} t\r\n".encode())
            code, *flags = connection.makefile().readline().split()
        return float(flags[0][1:]) if code == "HD" else None

    return left


def sqlalchemy(app, asked):
    from flask_sqlalchemy import SQLAlchemy

    app.config["SQLALCHEMY_DATABASE_URI"] = asked["url"]
    client = SQLAlchemy(app)
    extend(app, SESSION_TYPE="sqlalchemy", SESSION_SQLALCHEMY=client)
    model = app.session_interface.sql_session_model
    with app.app_context():
        # Flask-Session before 0.6 leaves it to the application.
        client.create_all()

    def left(sid):
        record = model.query.filter_by(session_id="session:" + sid).first()
        return record and until(record.expiry)

    return left


def mongodb(app, asked):
    from pymongo import MongoClient

    client = MongoClient(asked["url"])
    extend(app, SESSION_TYPE="mongodb", SESSION_MONGODB=client, SESSION_MONGODB_DB=asked["name"])

    def left(sid):
        document = client[asked["name"]]["sessions"].find_one({"id": "session:" + sid})
        return document and until(document["expiration"])

    return left


def dynamodb(app, asked):
    import boto3

    if "mypy_boto3_dynamodb" not in sys.modules:
        # Flask-Session imports one name of this package of types, and does nothing with it.
        types = ModuleType("mypy_boto3_dynamodb.service_resource")
        types.DynamoDBServiceResource = object
        sys.modules.update({"mypy_boto3_dynamodb": ModuleType("mypy_boto3_dynamodb"), types.__name__: types})
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    client = boto3.resource("dynamodb", endpoint_url=asked["url"], region_name="eu-central-1", **keys)
    extend(app, SESSION_TYPE="dynamodb", SESSION_DYNAMODB=client, SESSION_DYNAMODB_TABLE=asked["name"])

    def left(sid):
        item = client.Table(asked["name"]).get_item(Key={"id": "session:" + sid}).get("Item")
        return item and float(item["expiration"]) - time.time()

    return left


def filesystem(app, asked):
    extend(app, SESSION_TYPE="filesystem", SESSION_FILE_DIR=asked["folder"])
    return in_files(app.session_interface.cache)


def cachelib_file(app, asked):
    from cachelib.file import FileSystemCache

    cache = FileSystemCache(asked["folder"])
    extend(app, SESSION_TYPE="cachelib", SESSION_CACHELIB=cache)
    return in_files(cache)


def cachelib_redis(app, asked):
    from cachelib.redis import RedisCache
    from redis import Redis

    url = urlsplit(asked["url"])
    cache = RedisCache(url.hostname, url.port, key_prefix="cache:")
    extend(app, SESSION_TYPE="cachelib", SESSION_CACHELIB=cache)
    client = Redis.from_url(asked["url"])
    return lambda sid: existing(client.ttl("cache:session:" + sid))


def extend(app, **config):
    from flask_session import Session

    app.config.update(config)
    Session(app)


def in_files(cache):
    def left(sid):
        path = cache._get_filename("session:" + sid)
        if not os.path.exists(path):
            return None
        with open(path, "rb") as file:
            (expiry,) = struct.unpack("I", file.read(4))
        return expiry - time.time()

    return left


def existing(ttl):
    return None if ttl < 0 else float(ttl)


def until(naive):
    return (naive.replace(tzinfo=dt.timezone.utc) - dt.datetime.now(dt.timezone.utc)).total_seconds()


BACKENDS = {
    "cookie": cookie,
    "redis": redis,
    "memcached": memcached,
    "sqlalchemy": sqlalchemy,
    "mongodb": mongodb,
    "dynamodb": dynamodb,
    "filesystem": filesystem,
    "cachelib-file": cachelib_file,
    "cachelib-redis": cachelib_redis,
}
