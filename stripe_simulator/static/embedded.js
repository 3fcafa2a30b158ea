// Inside the frame of an embedded session: tells the page around how high this page is, and when it is paid.
const { complete, returnUrl } = document.querySelector("main").dataset;

function tell(message) {
  window.parent.postMessage({ source: "stripe-simulator", ...message }, "*");
}

tell({ height: document.documentElement.scrollHeight });
new ResizeObserver(() => tell({ height: document.body.scrollHeight })).observe(document.body);
if (complete) tell({ complete, returnUrl: returnUrl || null });
