from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from umstripe.database import db
from umstripe.forms.selling import SellingForm
from umstripe.models import Settings
from umstripe.views.log import log

blueprint = Blueprint("selling", __name__, url_prefix="/settings/selling")


@blueprint.route("/", methods=["GET", "POST"])
def index() -> ResponseReturnValue:
    form = SellingForm()
    if form.validate_on_submit():
        changed = Settings.get().change(form.settings())
        if changed:
            log("security.settings_changed", f"Selling settings changed: {', '.join(changed)}")
        db.session.commit()
        flash("Settings have been saved successfully.", "success")
        return redirect(url_for(".index"), 303)
    return render_template("admin/settings/selling.html", form=form)
