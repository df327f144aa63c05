// Line: how far head office has the branch's events, and how the box itself is.

import { each, el, mark, put } from "./dom.js";
import { moment, said, span } from "./figures.js";
import { language, word } from "./words.js";

function make() {
  const [label, value, note] = [el("dt"), el("dd"), el("dd", { class: "why" })];
  return { node: el("div", {}, label, value, note), label, value, note };
}

function facts(id, items) {
  each(document.getElementById(id), items, make, (row, [text, kind, note], key) => {
    put(row.label, word(key));
    put(row.value, text);
    mark(row.value, "data-kind", kind);
    put(row.note, note);
  });
}

export function line(page) {
  const uplink = page.state.get("uplink");
  if (!uplink) return facts("line", [["state", [word("none_line"), "mute"]]]);
  const lanes = Object.entries(uplink.acknowledged).map(([lane, upTo]) => word(lane, upTo.toLocaleString("en")));
  facts("line", [
    ["state", [word(uplink.state), uplink.state === "connected" ? "good" : "bad", said(uplink.reason)]],
    ["backlog", [uplink.backlog.toLocaleString("en"), uplink.backlog > 1000 ? "warn" : null]],
    ["oldest", [uplink.backlog ? span(uplink.oldest_s) : "–"]],
    ["acknowledged_to", [lanes.join(" · ")]],
  ]);
}

export function box(page) {
  const status = page.state.get("status");
  if (!status) return;
  const problems = status.told?.[language()] ?? status.problems;
  facts("box", [
    ["version", [status.version]],
    ["running_since", [moment(status.since, page.t)]],
    ["problems", [problems.length || word("none_problems"), problems.length ? "warn" : "good"]],
  ]);
  const items = problems.map((problem, place) => [String(place), problem]);
  each(document.getElementById("problems"), items, () => ({ node: el("li", { class: "notice problem" }) }), (row, problem) => put(row.node, problem));
}
