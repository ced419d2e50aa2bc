"""The Flask half of the demo: the same session as the TypeScript half, through Flask-Session as it comes."""

import json
import sys

from flask import Flask, flash, get_flashed_messages, redirect, render_template_string, request, session
from flask_session import Session

settings = json.loads(sys.argv[1])

app = Flask(__name__)
app.config.update(
    SECRET_KEY="not used: the cookie holds a random id",
    SESSION_TYPE=settings["type"],
    SESSION_COOKIE_SAMESITE="Lax",
    # A request that changes nothing then writes nothing, so it cannot undo what the other half stored meanwhile.
    SESSION_REFRESH_EACH_REQUEST=False,
    SESSION_PERMANENT=False,
)
if settings["type"] == "redis":
    import redis

    app.config["SESSION_REDIS"] = redis.Redis.from_url(settings["url"])
else:
    app.config["SQLALCHEMY_DATABASE_URI"] = settings["url"]
Session(app)

CATALOGUE = {"flask": "Round flask", "vial": "Glass vial", "cork": "Cork stopper"}

PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>The Flask half · vial tutorial</title>
    <link rel="stylesheet" href="/style.css">
    <link rel="icon" href="/icon.svg" type="image/svg+xml">
  </head>
  <body>
    <header class="top">
      <a class="brand" href="/flask/"><img src="/icon.svg" alt="" width="28" height="28"> Flask <span>{{ version }}</span></a>
      {% if user %}
      <form class="who" method="post" action="/flask/logout">
        <span>Logged in as <strong>{{ user }}</strong></span>
        <button class="plain">Log out</button>
      </form>
      {% else %}<p class="who">Not logged in</p>{% endif %}
    </header>
    <nav aria-label="Pages"><ul>
      <li><a href="/flask/" aria-current="page">The Flask half</a></li>
      <li><a href="/">The TypeScript half</a></li>
    </ul></nav>
    <main id="main">
      {% for category, message in messages %}
      <p class="flash {{ category if category in ('success', 'error') else 'info' }}" role="status">{{ message }}</p>
      {% endfor %}
      <h1>The Flask half</h1>
      <p class="lead">Python serves this page. The cookie and the record are those of the other half.</p>
      <h2 style="margin-top: 2rem">Your cart</h2>
      <ul id="cart">
        {% for line in cart %}<li>{{ line.quantity }} × {{ names[line.item] or line.item }}</li>
        {% else %}<li>empty</li>{% endfor %}
      </ul>
      <form method="post" action="/flask/cart">
        {% for id, name in names.items() %}<button name="item" value="{{ id }}">Add {{ name }}</button> {% endfor %}
      </form>
      <h2 style="margin-top: 2rem">Visits</h2>
      <p>You were counted <strong id="visits">{{ visits }}</strong> times on both halves.</p>
      <form method="post" action="/flask/visit"><button>Count me</button></form>
      {% if not user %}
      <h2 style="margin-top: 2rem">Log in</h2>
      <form method="post" action="/flask/login"><button>Log in as admin</button></form>
      {% endif %}
      <h2 style="margin-top: 2rem">What Python sees</h2>
      <pre tabindex="0"><code id="session">{% for key, value in seen %}{{ key }} = {{ value }}
{% endfor %}</code></pre>
    </main>
  </body>
</html>
"""


def user():
    """Whom the other half's `session.login` named."""
    return session.get("_vial", {}).get("user")


@app.get("/flask/")
def home():
    messages = get_flashed_messages(with_categories=True)
    return render_template_string(
        PAGE,
        version=__import__("importlib.metadata").metadata.version("flask"),
        user=user(),
        cart=session.get("cart", []),
        names=CATALOGUE,
        visits=session.get("visits", 0),
        messages=messages,
        seen=[(key, repr(value)) for key, value in session.items()],
    )


@app.post("/flask/login")
def login():
    # A new id, so that whoever knew the old one is left with nothing.
    app.session_interface.regenerate(session)
    session["_vial"] = {**session.get("_vial", {}), "user": "admin"}
    flash("Flask logged you in.", "success")
    return redirect("/flask/", 303)


@app.post("/flask/logout")
def logout():
    session.clear()
    flash("Flask logged you out.")
    return redirect("/flask/", 303)


@app.post("/flask/cart")
def add():
    item = request.form.get("item", "")
    if item in CATALOGUE:
        cart = session.get("cart", [])
        line = next((line for line in cart if line["item"] == item), None)
        if line is None:
            cart.append({"item": item, "quantity": 1})
        else:
            line["quantity"] += 1
        session["cart"] = cart
        flash(f"{CATALOGUE[item]}: Flask put one more into your cart.", "success")
    return redirect("/flask/", 303)


@app.post("/flask/visit")
def visit():
    session["visits"] = session.get("visits", 0) + 1
    return redirect("/flask/", 303)


@app.get("/flask/session.json")
def seen():
    """For the test: what Python sees, by its own `repr`."""
    return {key: repr(value) for key, value in session.items()}


if __name__ == "__main__":
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, app, threaded=True)
    print(f"listening on {server.server_port}", flush=True)
    server.serve_forever()
