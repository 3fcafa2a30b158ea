from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from umstripe.database import db
from umstripe.emails import render
from umstripe.emails.defaults import DEFAULTS
from umstripe.forms.text import TextForm
from umstripe.models import TextOverride
from umstripe.views.log import log

blueprint = Blueprint("texts", __name__, url_prefix="/settings/texts")


@blueprint.get("/")
def index() -> ResponseReturnValue:
    groups = [
        (heading, [(name, default) for name, default in DEFAULTS.items() if name.startswith(kind)])
        for heading, kind in (("Pages", "page."), ("E-mails", "mail."))
    ]
    return render_template("admin/texts/index.html", groups=groups, overrides=TextOverride.names())


@blueprint.route("/<name>", methods=["GET", "POST"])
def edit(name: str) -> ResponseReturnValue:
    if name not in DEFAULTS:
        abort(404)
    form = TextForm(name)
    if form.validate_on_submit():
        TextOverride.put(name, form.title.data or "", form.body.data or "")
        log("security.settings_changed", f"The text “{DEFAULTS[name].label}” was changed")
        db.session.commit()
        flash("The text is saved.", "success")
        return redirect(url_for(".edit", name=name), 303)
    preview = render.fill(form.title.data or "", form.body.data or "", {})
    return render_template(
        "admin/texts/edit.html",
        form=form,
        name=name,
        default=DEFAULTS[name],
        override=TextOverride.of(name),
        preview=preview,
    )


@blueprint.post("/<name>/original")
def original(name: str) -> ResponseReturnValue:
    """Use the default text again."""
    if name not in DEFAULTS:
        abort(404)
    TextOverride.take_back(name)
    log("security.settings_changed", f"The text “{DEFAULTS[name].label}” is the site’s own again")
    db.session.commit()
    flash("The site’s own words are used again.", "success")
    return redirect(url_for(".edit", name=name), 303)
