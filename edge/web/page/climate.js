// Climate: the air of each zone, what the plant was told, why and until when, and the hand that overrides it.

import { each, el, mark, put } from "./dom.js";
import { figure, moment, said } from "./figures.js";
import { word } from "./words.js";

const STEP_C = 0.5;
const ORDER = ["mode", "setpoint_c", "fan_pct", "fresh_air_pct", "light_pct", "blind_pct", "volume_pct", "playlist", "relay"];
const WRONG = new Set(["not_confirmed", "refused", "failed", "expired"]);

function value(quantity, of) {
  if (of == null) return word("unknown");
  if (typeof of === "boolean") return word(of ? "yes" : "no");
  if (typeof of === "string") return word(of);
  return quantity.endsWith("_pct") ? `${of.toFixed(0)} %` : quantity.endsWith("_c") ? `${of.toFixed(1)} °C` : String(of);
}

function makeZone(page, id) {
  const name = el("h3");
  const airs = ["temperature_c", "relative_humidity_pct", "co2_ppm"].map((key) => ({ key, label: el("span", { class: "fact-label" }), value: el("b") }));
  const plant = el("ul", { class: "plant" });
  const move = (by) => () => page.ask("set_climate", { zone: id, quantity: "setpoint_c", value: Math.round((zone.setpoint + by) * 10) / 10 });
  const cooler = el("button", { type: "button", class: "step", click: move(-STEP_C) }, "−");
  const warmer = el("button", { type: "button", class: "step", click: move(STEP_C) }, "+");
  const release = el("button", { type: "button", click: () => page.ask("release_climate", { zone: id }) });
  const actions = el("div", { class: "actions" }, cooler, warmer, release);
  const node = el(
    "li",
    { class: "zone" },
    el("div", { class: "zone-head" }, name, actions),
    el("div", { class: "airs" }, ...airs.map(({ label, value: b }) => el("div", { class: "fact" }, label, b))),
    plant,
  );
  const zone = { node, name, airs, plant, cooler, warmer, release, actions, setpoint: null };
  return zone;
}

function makePlant(quantity) {
  if (!quantity) return { node: el("li", { class: "nothing" }) };
  const [label, set, hand, until] = ["plant-name", "plant-value", "tag", "mute"].map((kind) => el("span", { class: kind }));
  const why = el("p", { class: "why" });
  return { node: el("li", {}, label, set, el("span", { class: "plant-marks" }, hand, until), why), label, set, hand, until, why };
}

function plantOf(row, page, told) {
  const items = ORDER.filter((quantity) => told[quantity]?.value != null).map((quantity) => [quantity, told[quantity]]);
  each(row.plant, items.length ? items : [["", null]], makePlant, (one, of, quantity) => {
    if (!of) return put(one.node, word("no_plant"));
    const wrong = WRONG.has(of.outcome);
    put(one.label, word(quantity));
    put(one.set, value(quantity, of.value));
    put(one.hand, of.hand_until ? word("by_hand", moment(of.hand_until, page.t)) : wrong ? word(of.outcome) : "");
    mark(one.node, "data-kind", of.hand_until ? "hand" : wrong ? "warn" : null);
    put(one.until, !of.hand_until && of.until > page.t ? word("until", moment(of.until, page.t)) : "");
    put(one.why, of.hand_until ? "" : said(of.why));
  });
}

export function climate(page) {
  each(document.getElementById("climate"), page.of("climate"), (id) => makeZone(page, id), (row, air, id) => {
    put(row.name, page.name("zones", id));
    const places = { temperature_c: [1, " °C"], relative_humidity_pct: [0, " %"], co2_ppm: [0, " ppm"] };
    for (const { key, label, value: b } of row.airs) {
      put(label, word(key) + (air.inferred?.includes(key) ? ` · ${word("inferred")}` : ""));
      put(b, figure(air[key], ...places[key]));
      mark(b, "data-kind", air[key] == null ? "mute" : key === "co2_ppm" && air[key] >= 1000 ? "warn" : null);
    }
    const told = air.plant ?? {};
    plantOf(row, page, told);
    row.setpoint = told.setpoint_c?.value ?? null;
    const steps = page.plan.requests && row.setpoint != null && page.plan.zones[id]?.commands.includes("setpoint_c");
    for (const [button, key] of [[row.cooler, "cooler"], [row.warmer, "warmer"]]) {
      button.hidden = !steps;
      mark(button, "aria-label", `${page.name("zones", id)}: ${word(key)}`);
      mark(button, "title", word(key));
    }
    row.release.hidden = !page.plan.requests || !Object.values(told).some((of) => of.hand_until);
    put(row.release, word("release"));
    mark(row.release, "aria-label", `${page.name("zones", id)}: ${word("release")}`);
  });
}
