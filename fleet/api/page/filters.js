// What narrows a view stands in its address: a reload keeps it, and a link hands it on.

const path = () => location.hash.replace(/^#\/?/, "").split("?")[0];
const kept = () => new URLSearchParams(location.hash.split("?")[1] ?? "");

// [view, name] of the address.
export const place = () => path().split("/");
export const filter = (name) => kept().get(name) ?? "";

export const filters = (name) => kept().getAll(name);
export const keep = (name, value) => keepAll(name, value ? [value] : []);

export function keepAll(name, values) {
  const all = kept();
  all.delete(name);
  for (const value of values) all.append(name, value);
  const text = all.toString();
  history.replaceState(null, "", `#/${path()}${text ? `?${text}` : ""}`);
}
