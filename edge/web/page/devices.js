// Devices: those that are not well first, with a reason to act on; then all others.

import { each, el, mark, put } from "./dom.js";
import { moment, said } from "./figures.js";
import { word } from "./words.js";

const RANK = { offline: 0, faulty: 1, stale: 2, unknown: 3, online: 4 };

function make() {
  const [badge, name, kind, seen] = ["badge", "device-name", "mute", "mute seen"].map((of) => el("span", { class: of }));
  const reason = el("p", { class: "why" });
  const node = el("li", { class: "device" }, badge, el("span", { class: "device-who" }, name, kind), seen, reason);
  return { node, badge, name, kind, seen, reason };
}

function update(page) {
  return (row, device, id) => {
    put(row.badge, word(device.state));
    mark(row.node, "data-state", device.state);
    put(row.name, page.name("devices", id));
    put(row.kind, word(device.kind));
    put(row.seen, device.last_seen ? word("last_seen", moment(device.last_seen, page.t)) : word("never"));
    put(row.reason, said(device.reason) || (device.state === "unknown" ? word("not_heard") : ""));
  };
}

export function devices(page) {
  const all = page.of("device").sort(([a, x], [b, y]) => RANK[x.state] - RANK[y.state] || (a < b ? -1 : 1));
  const wrong = all.filter(([, device]) => device.state !== "online");
  const well = all.filter(([, device]) => device.state === "online");
  put(document.getElementById("fleet"), wrong.length ? word("some_online", all.length, wrong.length) : word("all_online", all.length));
  each(document.getElementById("wrong"), wrong, make, update(page));
  each(document.getElementById("devices"), well, make, update(page));
}
