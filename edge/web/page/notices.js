// Notices: alerts that stand, and what staff could do.

import { each, el, mark, put } from "./dom.js";
import { moment, said } from "./figures.js";
import { word } from "./words.js";

const RANK = { critical: 0, major: 1, minor: 2 };

function makeAlert(page, id) {
  const [badge, since] = ["badge", "mute"].map((kind) => el("span", { class: kind }));
  const text = el("p", { class: "notice-text" });
  const done = el("span", { class: "mute" });
  const button = el("button", { type: "button", click: () => page.ask("acknowledge_alert", { alert: id }) });
  const node = el("li", { class: "notice" }, el("div", { class: "notice-head" }, badge, since, done, button), text);
  return { node, badge, since, text, done, button };
}

const nothing = (word_) => [["", { nothing: word_ }]];
const makeNothing = () => ({ node: el("li", { class: "nothing" }) });

export function alerts(page) {
  const order = ([, a], [, b]) =>
    Boolean(a.acknowledged_by) - Boolean(b.acknowledged_by) || RANK[a.severity] - RANK[b.severity] || (a.since < b.since ? 1 : -1);
  const found = page.of("alert").sort(order);
  const items = found.length ? found : nothing("none_alerts");
  each(document.getElementById("alerts"), items, (id) => (id ? makeAlert(page, id) : makeNothing()), (row, alert) => {
    if (alert.nothing) return put(row.node, word(alert.nothing));
    put(row.badge, word(alert.severity));
    mark(row.node, "data-severity", alert.severity);
    put(row.since, word("since", moment(alert.since, page.t)));
    put(row.text, said(alert.text));
    put(row.done, alert.acknowledged_by ? word("acknowledged", word(alert.acknowledged_by)) : "");
    mark(row.node, "data-done", alert.acknowledged_by ? "" : null);
    put(row.button, word("acknowledge"));
    row.button.hidden = Boolean(alert.acknowledged_by) || !page.plan.requests;
  });
}

function makeAdvice() {
  const [text, why, until] = [el("p", { class: "notice-text" }), el("p", { class: "why" }), el("span", { class: "mute" })];
  return { node: el("li", { class: "notice advice" }, text, why, until), text, why, until };
}

export function advice(page) {
  const found = page.of("advice");
  const items = found.length ? found : nothing("none_advice");
  each(document.getElementById("advice"), items, (id) => (id ? makeAdvice() : makeNothing()), (row, one) => {
    if (one.nothing) return put(row.node, word(one.nothing));
    put(row.text, said(one.text));
    put(row.why, said(one.why));
    put(row.until, word("until", moment(one.until, page.t)));
  });
}
