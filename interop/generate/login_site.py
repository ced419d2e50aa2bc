"""Answers requests as a Flask application with Flask-Login, Flask-WTF and Authlib does.

Takes {"secret": "...", "protection": "basic" or "strong", "cookie": the `Cookie` of the first request, "folder": where
Flask-Session keeps the sessions by cachelib, else they are in the cookie, "requests": [{"path": "...", "headers": {...},
"address": "...", "form": {...}}]} on standard input. The requests are made one after the other,
each with the cookies that the ones before it left. Prints a list of {"status", "found", "cookie"}. Needs flask,
flask-session, cachelib, flask-login, flask-wtf and authlib with requests.
"""

import json
import sys

from authlib.integrations.flask_client import OAuth
from authlib.oauth2.rfc6749 import OAuth2Token
from cachelib.file import FileSystemCache
from flask import Flask, flash, get_flashed_messages, jsonify, request, session
from flask_login import LoginManager, UserMixin, current_user, login_fresh, login_user, logout_user
from flask_session import Session
from flask_wtf import CSRFProtect, FlaskForm
from flask_wtf.csrf import generate_csrf
from wtforms import IntegerField, StringField
from wtforms.validators import DataRequired


class User(UserMixin):
    def __init__(self, id):
        self.id = id


class Form(FlaskForm):
    name = StringField(validators=[DataRequired()])
    age = IntegerField(validators=[DataRequired()])


def site(secret, protection, folder):
    app = Flask("vial")
    app.secret_key = secret
    if folder is not None:
        app.config.update(SESSION_TYPE="cachelib", SESSION_CACHELIB=FileSystemCache(folder, mode=0o600))
        Session(app)
    app.config["SESSION_PROTECTION"] = protection
    manager = LoginManager(app)
    manager.session_protection = protection
    manager.user_loader(User)
    CSRFProtect(app)
    oauth = OAuth(app)
    oauth.register(
        "peer",
        client_id="id",
        client_secret="secret",
        authorize_url="https://peer.example/authorize",
        access_token_url="https://peer.example/token",
    )

    def who():
        return {
            "user": current_user.get_id() if current_user.is_authenticated else None,
            "fresh": login_fresh() if current_user.is_authenticated else None,
            "keys": sorted(session),
        }

    @app.get("/login")
    def login():
        login_user(User(request.args["user"]), remember="remember" in request.args)
        return jsonify(who())

    @app.get("/logout")
    def logout():
        logout_user()
        return jsonify(who())

    @app.get("/who")
    def show():
        return jsonify({**who(), "shown": [str(message) for message in get_flashed_messages()]})

    @app.get("/csrf")
    def csrf():
        return jsonify(generate_csrf())

    @app.post("/form")
    def form():
        filled = Form()
        valid = filled.validate_on_submit()
        if not valid:
            flash({key: [str(error) for error in errors] for key, errors in filled.errors.items()}, "form")
        return jsonify({"valid": valid, "text": str(filled.errors)})

    @app.get("/authorize")
    def authorize():
        oauth.peer.authorize_redirect("https://vial.example/back", state="the-state")
        return jsonify(sorted(session))

    @app.get("/state")
    def state():
        data = oauth.peer.framework.get_state_data(session, "the-state")
        exp = session["_state_peer_the-state"]["exp"]
        return jsonify({"data": data, "exp": type(exp).__name__})

    @app.get("/token")
    def token():
        if "token" not in session:
            session["token"] = OAuth2Token({"access_token": "secret", "expires_at": 1700000000.0})
        held = session["token"]
        return jsonify({"type": type(held).__name__, "token": dict(held), "expired": bool(held.is_expired())})

    return app


def without_agent(wsgi_app):
    """The test client sends an agent of its own."""

    def call(environ, start_response):
        environ.pop("HTTP_USER_AGENT", None)
        return wsgi_app(environ, start_response)

    return call


def answers(asked):
    cookies = dict(part.strip().split("=", 1) for part in (asked.get("cookie") or "").split(";") if "=" in part)
    for one in asked["requests"]:
        app = site(asked["secret"], asked.get("protection", "basic"), asked.get("folder"))
        headers = {**one.get("headers", {})}
        if "user-agent" not in headers:
            app.wsgi_app = without_agent(app.wsgi_app)
        client = app.test_client(use_cookies=False)
        if cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        response = client.open(
            one["path"],
            method="POST" if "form" in one else "GET",
            data=one.get("form"),
            headers=headers,
            environ_base={"REMOTE_ADDR": one.get("address", "127.0.0.1")},
        )
        for line in response.headers.getlist("Set-Cookie"):
            name, value = line.split(";")[0].split("=", 1)
            if value == "" or "Max-Age=0" in line:
                cookies.pop(name, None)
            else:
                cookies[name] = value
        found = response.get_json(silent=True)
        yield {
            "status": response.status_code,
            "found": found,
            "cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        }


if __name__ == "__main__":
    json.dump(list(answers(json.load(sys.stdin))), sys.stdout)
