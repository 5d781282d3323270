// First of all: what a notice's link tells goes from the address bar into memory, and nowhere else.
{
  const address = new URL(location.href);
  window.arrivedBy = address.searchParams.get("c");
  address.searchParams.delete("c");
  if (window.arrivedBy !== null) history.replaceState(null, "", address.pathname + address.search + address.hash);
}
