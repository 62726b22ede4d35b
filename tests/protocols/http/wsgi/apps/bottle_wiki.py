"""A wiki in Bottle: templates, signed cookies, uploads, static files, streams, errors, a mounted
application."""

from pathlib import Path

from bottle import (
    Bottle,
    HTTPError,
    HTTPResponse,
    SimpleTemplate,
    redirect,
    request,
    response,
    static_file,
)

SECRET = "only for tests"
PAGE = SimpleTemplate("<h1>{{name}}</h1><pre>{{text}}</pre><i>{{visits}}</i>")


def create_app(folder: Path) -> Bottle:
    """The application; pages are files in ``folder``."""
    app = Bottle()
    admin = Bottle()

    def page(name: str) -> Path:
        if not name.isalnum():
            raise HTTPError(400, "not a name")
        return folder / f"{name}.txt"

    @app.get("/")
    def index():
        names = sorted(path.stem for path in folder.glob("*.txt"))
        return {"pages": names}  # JSON

    @app.get("/wiki/<name>")
    def show(name):
        if not page(name).exists():
            raise HTTPError(404, f"no page {name}")
        visits = int(request.get_cookie("visits", "0", secret=SECRET)) + 1
        response.set_cookie("visits", str(visits), secret=SECRET, path="/", httponly=True)
        return PAGE.render(name=name, text=page(name).read_text(), visits=visits)

    @app.post("/wiki/<name>")
    def save(name):
        page(name).write_text(request.forms.getunicode("text"))
        redirect(f"/wiki/{name}")

    @app.delete("/wiki/<name>")
    def delete(name):
        page(name).unlink()
        return HTTPResponse(status=204)

    @app.put("/wiki/<name>")
    def put(name):
        page(name).write_bytes(request.body.read())
        response.status = 201
        return ""

    @app.post("/upload")
    def upload():
        file = request.files["file"]
        file.save(str(folder), overwrite=True)
        return {"name": file.filename, "size": (folder / file.filename).stat().st_size}

    @app.get("/files/<name>")
    def download(name):
        return static_file(name, root=str(folder), download=True)

    @app.get("/stream/<count:int>")
    def stream(count):
        response.content_type = "text/plain; charset=utf-8"
        for number in range(count):
            yield f"é {number}\n"

    @app.get("/search")
    def search():
        return {"q": request.query.getunicode("q"), "all": request.query.getall("x")}

    @app.get("/broken")
    def broken():
        raise KeyError("of the application's")

    @app.error(404)
    def not_found(error):
        return f"<b>{error.body}</b>"

    @admin.get("/status")
    def status():
        return {"script": request.script_name, "path": request.path, "url": request.url}

    app.mount("/admin/", admin.wsgi)  # as any WSGI application; a Bottle's routes would be merged
    return app
