// One module per behaviour; each finds its own elements by data attributes.
import "./eye.js";
import "./copy.js";
import "./sandbox-toggle.js";
import "./enable-when-filled.js";
import "./submit-once.js";
import "./progress.js";
import "./menu.js";
import "./notice.js";
import "./strength.js";
import "./rows.js";
import "./tick-all.js";
import "./site-address.js";
import "./browser-address.js";

document.documentElement.classList.add("scripted");
