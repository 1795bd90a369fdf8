// What narrows a view stands in its address: a reload keeps it, and a link hands it on.

const path = () => location.hash.replace(/^#\/?/, "").split("?")[0];
const kept = () => new URLSearchParams(location.hash.split("?")[1] ?? "");

// [view, name] of the address.
export const place = () => path().split("/");
export const filter = (name) => kept().get(name) ?? "";

export function keep(name, value) {
  const all = kept();
  if (value) all.set(name, value);
  else all.delete(name);
  const text = all.toString();
  history.replaceState(null, "", `#/${path()}${text ? `?${text}` : ""}`);
}
