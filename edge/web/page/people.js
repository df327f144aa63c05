// People: how many are in each zone, and went through each door; what is not known is said, a guess is marked.

import { each, el, mark, put } from "./dom.js";
import { word } from "./words.js";

function make() {
  const [name, quality] = ["row-name", "tag"].map((kind) => el("span", { class: kind }));
  const value = el("b", { class: "row-value" });
  const bar = el("div", { class: "meter", "aria-hidden": true }, el("i"));
  return { node: el("li", { class: "row" }, name, quality, value, bar), name, quality, value, bar };
}

function zones(page) {
  const found = page.of("occupancy");
  const most = Math.max(10, ...found.map(([, zone]) => zone.people ?? 0));
  each(document.getElementById("people"), found, make, (row, zone, id) => {
    const known = zone.people != null;
    put(row.name, page.name("zones", id));
    put(row.value, known ? zone.people : word("unknown"));
    mark(row.node, "data-known", known);
    put(row.quality, zone.quality === "inferred" ? word("inferred") : "");
    row.bar.firstChild.style.width = `${(100 * (zone.people ?? 0)) / most}%`;
  });
}

function makeDoor() {
  const [name, quality] = ["row-name", "tag"].map((kind) => el("span", { class: kind }));
  const flows = ["in_today", "out_today"].map((key) => ({ key, label: el("span", { class: "fact-label" }), value: el("b") }));
  const node = el("li", { class: "row door" }, name, quality, ...flows.map(({ label, value }) => el("span", { class: "flow" }, label, value)));
  return { node, name, quality, flows };
}

function doors(page) {
  each(document.getElementById("doors"), page.of("door"), makeDoor, (row, door, id) => {
    const known = door.quality !== "missing";
    put(row.name, page.name("doors", id));
    put(row.quality, known ? (door.quality === "inferred" ? word("inferred") : "") : word("unknown"));
    mark(row.node, "data-known", known);
    for (const { key, label, value } of row.flows) {
      put(label, word(key));
      put(value, door[key]);
    }
  });
}

export function people(page) {
  zones(page);
  doors(page);
}
