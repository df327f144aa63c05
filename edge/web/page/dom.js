// Dom: elements made and kept up to date; text is only ever set as text, so that a name with markup in it is shown as it is.

/** An element with attributes (`class`, `type`, …; false leaves one out) and children (elements or text). */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "click") node.addEventListener("click", value);
    else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

/** Set a node's text, if it is another. */
export function put(node, text) {
  const wanted = text == null ? "" : String(text);
  if (node.textContent !== wanted) node.textContent = wanted;
}

/** Set an attribute, or take it away with null. */
export function mark(node, name, value) {
  if (value == null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

/** Show or hide without taking the place away. */
export function show(node, shown) {
  node.style.visibility = shown ? "" : "hidden";
}

const rows = new WeakMap();

/**
 * Keep `parent`'s children as `items` are: `[key, item]` pairs in order; `make(key)` gives `{node, …}` once,
 * `update(row, item, key)` follows each change. Nodes stay where they are when they can, so that focus stays too.
 */
export function each(parent, items, make, update) {
  const before = rows.get(parent) ?? new Map();
  const after = new Map();
  let place = parent.firstElementChild;
  for (const [key, item] of items) {
    const row = before.get(key) ?? make(key);
    after.set(key, row);
    update(row, item, key);
    if (row.node === place) place = place.nextElementSibling;
    else parent.insertBefore(row.node, place);
  }
  for (const [key, row] of before) if (!after.has(key)) row.node.remove();
  rows.set(parent, after);
}
