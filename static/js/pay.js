// [data-pay]: Stripe's payment form on this page. It asks Stripe alone; what is typed never comes here.
const container = document.querySelector("[data-pay]");

try {
  const stripe = window.Stripe(container.dataset.key);
  const checkout = await stripe.createEmbeddedCheckoutPage({
    fetchClientSecret: async () => container.dataset.secret,
  });
  checkout.mount(container);
} catch {
  document.querySelector("[data-pay-trouble]").hidden = false;
}
