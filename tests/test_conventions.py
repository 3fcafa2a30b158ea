"""The house rules of the design, held by tests."""

from __future__ import annotations

import ast
import re
import subprocess
from graphlib import CycleError, TopologicalSorter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.people import Browserless, make_user
from umstripe.views import PUBLIC

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "umstripe"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "migrations" not in path.parts)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
LONGEST_FUNCTION, LONGEST_FILE = 40, 300


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def module_path(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix() if path.is_relative_to(PACKAGE) else path.name


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def test_stripe_is_imported_in_one_module():
    here = [module_path(path) for path in MODULES if any(within(name, "stripe") for name in imports(path))]
    assert here == ["stripe_api/client.py"]


def test_models_never_know_of_requests():
    for path in (PACKAGE / "models").rglob("*.py"):
        names = {
            alias.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom) and node.module == "flask"
            for alias in node.names
        }
        assert names <= {"current_app"}, (path, names)
        assert not any(
            within(name, "umstripe.views") or within(name, "umstripe.forms") for name in imports(path)
        )


LAYERS = (
    ("engine", "statuses"),
    ("errors", "normalization", "origins", "formatting", "keys"),
    ("database", "schema", "logs", "config"),
    ("stripe_api",),
    ("models",),
    ("memberships", "accounts"),
    ("emails", "listings"),
    ("transactions",),
    ("webhooks",),
    ("checkout", "billing"),
    ("jobs",),
    ("security", "request", "application"),
    ("health", "template_context"),
    ("forms",),
    ("extensions",),
    ("views",),
    ("__init__", "wsgi", "server"),
    ("cli",),
    ("__main__",),
)
"""The rooms of the package from the bottom up. None imports one that is above it or beside it."""
LEVELS = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
BESIDE = {("schema", "database"), ("config", "database"), ("wsgi", "__init__"), ("__init__", "server")}


def room_of(name: str) -> str:
    """Return the room of a module's path or dotted name: its first part below the package."""
    return name.removesuffix(".py").replace("/", ".").split(".")[0]


def test_every_room_has_its_layer():
    assert {room_of(module_path(path)) for path in MODULES} == set(LEVELS)


@pytest.mark.parametrize("path", MODULES, ids=module_path)
def test_arrows_point_down(path):
    room = room_of(module_path(path))
    for name in imports(path):
        if not within(name, "umstripe") or name in ("umstripe", "umstripe.__version__"):
            continue
        other = room_of(name.removeprefix("umstripe."))
        if other in LEVELS and other != room:
            assert LEVELS[other] < LEVELS[room] or (room, other) in BESIDE, name


def import_graph(room: str) -> dict[str, set[str]]:
    """Return, for each module of a room, the others of it that it imports, also within functions."""
    inside = {
        f"umstripe.{module_path(path)[:-3].replace('/', '.')}".removesuffix(".__init__"): path
        for path in MODULES
        if room_of(module_path(path)) == room
    }
    graph = {}
    for module, path in inside.items():
        names = {name for name in imports(path) if name in inside}
        packages = {
            name.rpartition(".")[0] for name in names
        }  # of a module that is imported from its package
        graph[module] = names - {module} - (packages if names - packages else set())
    return graph


ROOMS = sorted({room_of(module_path(path)) for path in MODULES if path.parent != PACKAGE})
WITH_CIRCLES = {"models"}
"""Tables refer to each other: a user has mails, and a mail has a user."""


@pytest.mark.parametrize("room", [room for room in ROOMS if room not in WITH_CIRCLES])
def test_no_imports_within_a_room_go_in_a_circle(room):
    graph = import_graph(room)
    assert graph
    TopologicalSorter(graph).prepare()


def test_circles_would_be_found():
    assert sum(map(len, import_graph("webhooks").values())) > 20
    assert sum(map(len, import_graph("memberships").values())) > 0
    with pytest.raises(CycleError):
        TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()


def test_views_hold_no_query():
    asking = {"select", "execute", "scalars", "scalar", "query", "paginate", "filter_by", "where", "text"}
    for path in (PACKAGE / "views").rglob("*.py"):
        if path.name == "health.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                assert name not in asking, f"{path.name}:{node.lineno} asks the database: {name}"


READS_THE_HOST = re.compile(
    r"_external\s*=\s*True|request\.(host|host_url|url|url_root|base_url|root_url|server)\b"
    r"|HTTP_HOST|headers(\.get\(|\[)[\"']([Hh]ost|X-Forwarded-Host)"
)


def test_no_address_is_made_of_the_host_header():
    """Rule 11: links begin with models/site_address.site_url. The check of the header itself is in security/hosts.py."""
    templates = [path for path in (ROOT / "templates").rglob("*") if path.is_file()]
    reading = {
        module_path(path) for path in [*MODULES, *templates] if READS_THE_HOST.search(path.read_text())
    }
    assert reading == {"security/hosts.py"}
    shown = [module_path(path) for path in MODULES if "requested_origin" in path.read_text()]
    assert sorted(shown) == [
        "forms/site_address.py",
        "security/csrf.py",
        "security/headers.py",
        "security/hosts.py",
        "views/admin/health.py",
    ]
    assert "requested_origin" not in (PACKAGE / "models" / "site_address.py").read_text()


def test_ids_are_put_into_stripe_s_paths_by_object_path_only():
    for path in (
        PACKAGE / name
        for name in ("stripe_api/client.py", "stripe_api/checkout.py", "stripe_api/permissions.py")
    ):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                begins = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
                assert "/v1/" not in begins, f"{path.name}:{node.lineno} puts something into a path"


class Inline(HTMLParser):
    """Collects what a content policy without inline code forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attributes}
        if tag == "style" or (tag == "script" and "src" not in names):
            self.wrong.append(f"<{tag}>")
        self.wrong += [name for name in names if name == "style" or name.startswith("on")]
        self.wrong += [
            value for _, value in attributes if value and value.strip().lower().startswith("javascript:")
        ]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_template_has_inline_script_or_style(path):
    reader = Inline()
    reader.feed(re.sub(r"{[{%#].*?[}%#]}", "", path.read_text()))
    assert not reader.wrong


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_form_that_sends_has_the_token(path):
    text = path.read_text()
    assert text.count('method="post"') <= text.count("csrf_token"), "a form without csrf_token"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_short(path):
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = node.end_lineno - node.lineno + 1
            assert lines <= LONGEST_FUNCTION, f"{node.name} has {lines} lines"


def test_no_file_tells_a_machine_or_a_registry():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this is no git checkout, so there is no list of committed files")
    telling = (
        "/work" + "/",
        "/root" + "/",
        "pypi-" + "more",
        "index-" + "url",
        "--find-" + "links",
        "simple/" + "pip",
    )
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.suffix not in (".png", ".gz", ".svg") and path.exists():
            text = path.read_text(errors="replace")
            assert not [word for word in telling if word in text], name


def addresses(app):
    """An address of every rule, with something in its gaps."""
    for rule in app.url_map.iter_rules():
        gaps = {
            "mode": "test",
            "job": "audit",
            "verb": "approve",
            "identity": "copy",
            "kind": "audit",
            "action": "cancel",
            "customer": "cus_1",
            "filename": "css/base.css",
            "token": "x",
        }
        values = {name: gaps.get(name, 1) for name in rule.arguments}
        method = "GET" if "GET" in rule.methods else "POST"
        with app.test_request_context():
            from flask import url_for

            yield rule.endpoint, method, url_for(rule.endpoint, **values)


def test_every_address_is_closed_unless_it_is_on_the_public_list(app):
    visitor = app.test_client()
    for endpoint, method, address in list(addresses(app)):
        answer = visitor.open(address, method=method)
        if endpoint not in PUBLIC:
            assert answer.status_code in (302, 400, 401), (endpoint, answer.status_code)
            if answer.status_code == 302:
                assert "/login" in answer.headers["Location"], endpoint


def test_every_admin_address_is_for_administrators_only(app):
    from umstripe.database import writing
    from umstripe.models import User

    make_user(app, "jane")
    with app.app_context(), writing():
        User.with_username("jane").set_password("correct horse battery")
    member = Browserless(app.test_client())
    member.log_in("jane")
    seen = 0
    for _, method, address in list(addresses(app)):
        if address.startswith("/admin"):
            answer = member.client.open(address, method=method)
            assert answer.status_code in (403, 400), (address, answer.status_code)
            assert answer.status_code == 403 or method == "POST", address
            seen += 1
    assert seen >= 12


def test_the_public_list_names_addresses_that_exist(app):
    assert {rule.endpoint for rule in app.url_map.iter_rules()} >= PUBLIC


def test_every_page_forbids_inline_code_and_framing(app):
    for address in ("/login", "/nothing", "/healthz"):
        headers = app.test_client().get(address).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy and "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy and headers["X-Content-Type-Options"] == "nosniff"


def test_the_tests_that_the_security_page_names_exist():
    named = set(re.findall(r"\btest_\w+", (ROOT / "docs" / "security.md").read_text()))
    assert len(named) > 30
    assert named <= {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
