// A stand-in for Stripe.js: as much of it as embedded Checkout needs.
// https://docs.stripe.com/js/embedded_checkout
(() => {
  const base = new URL(document.currentScript.src).origin;
  let alive = null;

  function problem(message) {
    const error = new Error(message);
    error.name = "IntegrationError";
    return error;
  }

  class EmbeddedCheckout {
    constructor(secret, onComplete) {
      this.session = secret.split("_secret_")[0];
      this.onComplete = onComplete;
      this.frame = null;
      this.hear = (event) => {
        const known = this.frame && event.source === this.frame.contentWindow && event.origin === base;
        if (known && event.data.source === "stripe-simulator") this.take(event.data);
      };
      window.addEventListener("message", this.hear);
    }

    take({ height, complete, returnUrl }) {
      if (height) this.frame.style.height = `${height}px`;
      if (!complete) return;
      if (returnUrl) window.top.location.assign(returnUrl);
      else if (this.onComplete) this.onComplete();
    }

    mount(place) {
      if (!this.session) throw problem("This Embedded Checkout was destroyed.");
      const element = typeof place === "string" ? document.querySelector(place) : place;
      if (!element) throw problem(`Invalid DOM element: ${place}`);
      this.unmount();
      this.frame = document.createElement("iframe");
      this.frame.src = `${base}/c/pay/${this.session}`;
      this.frame.title = "Checkout";
      Object.assign(this.frame.style, { width: "100%", minHeight: "40rem", border: "0" });
      element.append(this.frame);
    }

    unmount() {
      if (this.frame) this.frame.remove();
      this.frame = null;
    }

    destroy() {
      this.unmount();
      window.removeEventListener("message", this.hear);
      this.session = null;
      if (alive === this) alive = null;
    }
  }

  async function createEmbeddedCheckoutPage({ clientSecret, fetchClientSecret, onComplete } = {}) {
    if (alive) throw problem("You cannot have multiple Embedded Checkout objects.");
    if (!clientSecret && !fetchClientSecret) throw problem("fetchClientSecret or clientSecret is required.");
    const made = new EmbeddedCheckout(clientSecret || "", onComplete);
    alive = made;
    try {
      if (!clientSecret) made.session = (await fetchClientSecret()).split("_secret_")[0];
    } catch (error) {
      made.destroy();
      throw error;
    }
    return made;
  }

  window.Stripe = (key) => {
    if (!/^pk_(test|live)_/.test(key || "")) throw problem("Please call Stripe() with your publishable key.");
    return { createEmbeddedCheckoutPage, initEmbeddedCheckout: createEmbeddedCheckoutPage };
  };
  window.Stripe.version = "simulator";
})();
