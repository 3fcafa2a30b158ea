// [data-pay]: Stripe's payment form on this page. It asks Stripe alone; what is typed never comes here.
const place = document.querySelector("[data-pay]");

try {
  const stripe = window.Stripe(place.dataset.key);
  const checkout = await stripe.createEmbeddedCheckoutPage({
    fetchClientSecret: async () => place.dataset.secret,
  });
  checkout.mount(place);
} catch {
  document.querySelector("[data-pay-trouble]").hidden = false;
}
