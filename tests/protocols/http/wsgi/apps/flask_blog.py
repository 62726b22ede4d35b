"""A blog in Flask: pages, forms, a session, uploads, downloads, streams, JSON and errors."""

import hashlib
import io
import time
from pathlib import Path

from flask import (
    Blueprint,
    Flask,
    abort,
    flash,
    g,
    get_flashed_messages,
    jsonify,
    make_response,
    redirect,
    render_template_string,
    request,
    send_file,
    session,
    stream_with_context,
    url_for,
)

LAYOUT = """<!DOCTYPE html><title>{{ title }}</title>
<nav>{{ session.get("user", "nobody") }}</nav>
{% for message in get_flashed_messages() %}<p class="flash">{{ message }}</p>{% endfor %}
{% for post in posts %}<article id="{{ post.number }}"><h2>{{ post.title }}</h2>{{ post.text }}
</article>{% else %}<p>There are no posts.</p>{% endfor %}
<form method="post" action="{{ url_for('blog.create') }}"></form>"""

blog = Blueprint("blog", __name__)


class Post:
    def __init__(self, number: int, title: str, text: str, author: str) -> None:
        self.number, self.title, self.text, self.author = number, title, text, author

    def as_json(self) -> dict[str, object]:
        return {"number": self.number, "title": self.title, "author": self.author}


def posts() -> dict[int, Post]:
    from flask import current_app

    return current_app.extensions["posts"]


@blog.get("/")
def index():
    return render_template_string(LAYOUT, title="Blog", posts=list(posts().values()))


@blog.post("/posts")
def create():
    if "user" not in session:
        abort(403)
    title = request.form.get("title", "").strip()
    if not title:
        flash("A title is required.")
        return redirect(url_for("blog.index"))
    number = len(posts()) + 1
    posts()[number] = Post(number, title, request.form["text"], session["user"])
    flash(f"Saved as {number}.")
    return redirect(url_for("blog.show", number=number), 303)


@blog.get("/posts/<int:number>")
def show(number: int):
    post = posts().get(number) or abort(404)
    page = render_template_string(LAYOUT, title=post.title, posts=[post])
    response = make_response(page)
    response.set_etag(hashlib.sha256(page.encode()).hexdigest())
    return response.make_conditional(request)


@blog.route("/api/posts", methods=["GET", "POST"])
def api():
    if request.method == "POST":
        data = request.get_json()
        number = len(posts()) + 1
        posts()[number] = Post(number, data["title"], data.get("text", ""), "api")
        return jsonify(posts()[number].as_json()), 201
    return jsonify(posts=[post.as_json() for post in posts().values()])


def create_app(folder: Path) -> Flask:
    """The application; uploads are kept in ``folder``."""
    app = Flask(__name__)
    app.config.update(SECRET_KEY="only for tests", MAX_CONTENT_LENGTH=4 << 20)
    app.extensions["posts"] = {}
    app.register_blueprint(blog)

    @app.before_request
    def start() -> None:
        g.started = time.monotonic()

    @app.after_request
    def finish(response):
        response.headers["X-Took"] = f"{time.monotonic() - g.started:.6f}"
        return response

    @app.post("/login")
    def login():
        session["user"] = request.form["user"]
        return redirect(url_for("blog.index"))

    @app.post("/logout")
    def logout():
        session.clear()
        return redirect(url_for("blog.index"))

    @app.post("/upload")
    def upload():
        file = request.files["file"]
        (folder / Path(file.filename).name).write_bytes(data := file.read())
        return {
            "name": file.filename,
            "type": file.mimetype,
            "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "note": request.form.get("note"),
        }

    @app.get("/files/<name>")
    def download(name: str):
        return send_file(folder / name, mimetype="application/octet-stream", conditional=True)

    @app.get("/memory")
    def memory():
        return send_file(io.BytesIO(b"from memory"), mimetype="text/plain")

    @app.get("/count/<int:last>")
    def count(last: int):
        @stream_with_context
        def lines():
            for number in range(last):
                yield f"{request.path} {number}\n"

        return app.response_class(lines(), mimetype="text/plain")

    @app.route("/raw", methods=["PUT", "PATCH", "DELETE"])
    def raw():
        return {"method": request.method, "size": len(request.get_data())}

    @app.get("/broken")
    def broken():
        raise ZeroDivisionError("of the application's")

    @app.get("/broken-stream")
    def broken_stream():
        def pieces():
            yield b"a beginning"
            raise ZeroDivisionError("in the middle")

        return app.response_class(pieces(), mimetype="text/plain")

    @app.errorhandler(404)
    def not_found(error):
        messages = get_flashed_messages()
        return f"There is no {request.path} {messages}", 404

    return app
