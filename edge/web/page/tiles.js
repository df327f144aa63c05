// Tiles: the branch at a glance.

import { each, el, mark, put } from "./dom.js";
import { span } from "./figures.js";
import { word } from "./words.js";

function make() {
  const label = el("span", { class: "tile-label" });
  const value = el("strong", { class: "tile-value" });
  const note = el("span", { class: "tile-note" });
  return { node: el("li", { class: "tile" }, label, value, note), label, value, note };
}

function facts(page) {
  const queues = page.of("queue");
  const total = (key) => queues.reduce((sum, [, queue]) => sum + queue[key], 0);
  const longest = Math.max(0, ...queues.map(([, queue]) => queue.longest_wait_s));
  const slowest = queues.find(([, queue]) => queue.waiting && queue.longest_wait_s === longest)?.[0];
  const late = Math.max(0, ...queues.map(([id, queue]) => queue.longest_wait_s / (page.plan.services[id]?.target_wait_s || Infinity)));
  const doors = page.of("door").map(([, door]) => door);
  const inside = doors[0]?.inside;
  const crossed = (key) => doors.reduce((sum, door) => sum + door[key], 0);
  const counters = page.of("counter").map(([, counter]) => counter.state);
  const open = counters.filter((state) => state === "open" || state === "serving").length;
  const standing = page.of("alert").filter(([, alert]) => !alert.acknowledged_by);
  const worst = ["critical", "major", "minor"].find((severity) => standing.some(([, alert]) => alert.severity === severity));
  return [
    ["waiting", { value: total("waiting"), note: `${word("served")} ${total("served_today")}` }],
    ["longest", { value: slowest ? span(longest) : "–", kind: late >= 2 ? "bad" : late >= 1 ? "warn" : null, note: slowest ? page.name("services", slowest) : word("nobody") }],
    ["inside", { value: inside ?? word("unknown"), kind: inside == null ? "mute" : null, note: word("crossed", crossed("in_today"), crossed("out_today")) }],
    ["open_counters", { value: open, note: word("of", counters.length) }],
    ["alerts", { value: standing.length, kind: worst === "minor" ? "warn" : worst ? "bad" : "good", note: worst ? word(worst) : word("none_alerts") }],
  ];
}

export function tiles(page) {
  each(document.getElementById("tiles"), facts(page), make, (row, fact, key) => {
    put(row.label, word(key));
    put(row.value, fact.value);
    put(row.note, fact.note);
    mark(row.node, "data-kind", fact.kind);
  });
}
