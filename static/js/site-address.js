// [data-site-address]: the site's address as this browser sees it. Behind a proxy the server may not know it; what
// somebody has typed is left alone.
for (const field of document.querySelectorAll("[data-site-address]")) {
  if (field.value === field.dataset.siteAddress) field.value = window.location.origin;
}
