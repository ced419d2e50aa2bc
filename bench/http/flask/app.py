"""The page of the bench, by Flask with Flask-Session on the same Redis."""

import os

import redis
from flask import Flask, request, session
from flask_session import Session

app = Flask(__name__)
app.config["SESSION_TYPE"] = "redis"
app.config["SESSION_REDIS"] = redis.from_url(os.environ["BENCH_REDIS_URL"])
Session(app)


@app.get("/plain")
def plain():
    return "plain"


@app.get("/read")
def read():
    return str(session["n"])


@app.get("/write")
def write():
    n = session["n"]
    session["n"] = n + 1
    return str(n)


@app.get("/seed")
def seed():
    session["user"] = "usr_01HZX3T5K8W9QW7F4N2YB6M1PC"
    session["name"] = "Ada Lovelace"
    session["roles"] = ["editor", "admin"]
    session["csrf"] = "kq3vJ8mN1xR5tY7uW9zA2bC4dE6fG8hJ0kL2mN4pQ6s"
    session["n"] = 1000
    return "seeded"
