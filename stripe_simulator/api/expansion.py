"""`expand`: https://docs.stripe.com/api/expanding_objects."""

from __future__ import annotations

from typing import Any, NamedTuple

from stripe_simulator.account.account import Mode
from stripe_simulator.core import document, keys
from stripe_simulator.core.errors import bad_request
from stripe_simulator.core.objects import list_of
from stripe_simulator.core.operations import RESOURCES
from stripe_simulator.core.rendering import INCLUDABLE, plain

Json = dict[str, Any]
MAX_DEPTH = 4


class Node(NamedTuple):
    """Where an expansion has come to: an object or a hash inside it, as shown and in full.

    `kind` is that of the object, `prefix` the way from there to the hash, like `invoice_settings.`.
    """

    kind: str
    prefix: str
    shown: Json
    whole: Json

    def below(self, name: str, inner: Any) -> list[Node]:
        """Return the objects and hashes under a name. `inner` is in full what is shown there."""
        value = self.shown.get(name)
        shown = value if isinstance(value, list) else [value]
        whole = inner if isinstance(inner, list) else [inner]
        pairs = [pair for pair in zip(shown, whole, strict=False) if isinstance(pair[0], dict)]
        return [self._at(name, each, full if isinstance(full, dict) else each) for each, full in pairs]

    def _at(self, name: str, shown: Json, whole: Json) -> Node:
        if "object" in shown:
            return Node(str(shown["object"]), "", shown, whole)
        return Node(self.kind, f"{self.prefix}{name}.", shown, whole)


class Expansion:
    """What a key gets to see of a mode's objects. A restricted key expands only what it may read."""

    def __init__(self, mode: Mode, key: Json) -> None:
        self.mode, self.key = mode, key

    def render(self, thing: Json, paths: list[str]) -> Json:
        """Return an object or list with the named paths opened.

        Raise StripeError: 400 for a path that cannot be expanded, 403 for one that the key may not read.
        """
        shown = plain(thing)
        for path in paths:
            names = path.split(".")
            if len(names) > MAX_DEPTH + (names[0] == "data"):
                raise bad_request(f"You cannot expand more than {MAX_DEPTH} levels of a property.", "expand")
            self._walk(Node(str(thing.get("object", "")), "", shown, thing), names, path)
        return shown

    def _walk(self, node: Node, names: list[str], path: str) -> None:
        name, rest = names[0], names[1:]
        inner = node.whole.get(name)
        if node.kind != "list":
            inner = self._open(node, name, path)
        for below in node.below(name, inner) if rest else ():
            self._walk(below, rest, path)

    def _open(self, node: Node, name: str, path: str) -> Any:
        """Put an object in the place of its id, or show what is only shown on demand. Return it in full."""
        shown, whole = node.shown, node.whole
        kinds = document.expandable(node.kind).get(node.prefix + name)
        if not node.prefix and name in INCLUDABLE.get(node.kind, ()):
            inner = self._on_demand(node.kind, whole, name)
        elif kinds:
            inner = self._found(shown.get(name), kinds)
        elif isinstance(shown.get(name), (dict, list)):
            return whole.get(name)
        else:
            raise bad_request(f"This property cannot be expanded ({path}).", "expand")
        if inner is not None:
            shown[name] = plain(inner)
        return inner

    def _on_demand(self, kind: str, whole: Json, name: str) -> Any:
        lists = {("customer", "subscriptions"): "subscription", ("charge", "refunds"): "refund"}
        listed_kind = lists.get((kind, name))
        if listed_kind:
            self._require(listed_kind)
            url = f"/v1/{kind}s/{whole['id']}/{name}"
            return list_of(self.mode.every(listed_kind, **{kind: whole["id"]}), url)
        if kind == "customer":
            return list_of([], f"/v1/customers/{whole['id']}/{name}")
        return whole.get(name)

    def _found(self, value: Any, kinds: list[str]) -> Any:
        if isinstance(value, list):
            return [self._found(each, kinds) for each in value]
        if not isinstance(value, str):
            return value
        for kind in kinds:
            self._require(kind)
        return next((thing for kind in kinds if (thing := self.mode.get(kind, value))), value)

    def _require(self, kind: str) -> None:
        right, _ = RESOURCES.get(kind, (None, []))
        keys.require(self.key, right and f"{right}_read")
