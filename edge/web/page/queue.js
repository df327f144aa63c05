// Queue: the services and who is next, and the counters that call them.

import { each, el, mark, put, show } from "./dom.js";
import { moment, range, said, span } from "./figures.js";
import { word } from "./words.js";

const fact = (value) => {
  const label = el("span", { class: "fact-label" });
  return { node: el("div", { class: "fact" }, label, value), label, value };
};

function makeService(page, id) {
  const name = el("h3", { class: "service-name" });
  const prefix = el("span", { class: "prefix" });
  const waiting = el("strong", { class: "big" });
  const [longest, forecast, open, served, abandoned] = Array.from({ length: 5 }, () => fact(el("b")));
  const target = el("span", { class: "mute" });
  const meter = el("div", { class: "meter", "aria-hidden": true }, el("i"));
  const next = el("ul", { class: "tickets" });
  const nextLabel = el("span", { class: "fact-label" });
  const issue = el("button", {
    type: "button",
    click: () => page.ask("issue_ticket", { service: id }, (data) => word("issued", data.ticket)),
  });
  const waitingLabel = el("span", { class: "fact-label" });
  const node = el(
    "li",
    { class: "service" },
    el("div", { class: "service-head" }, prefix, name, issue),
    el(
      "div",
      { class: "service-facts" },
      el("div", { class: "fact" }, waitingLabel, waiting),
      el("div", { class: "fact wide" }, longest.label, el("div", { class: "line-of" }, longest.value, target), meter),
      el("div", { class: "fact wide" }, forecast.label, forecast.value),
      open.node,
      served.node,
      abandoned.node,
    ),
    el("div", { class: "next" }, nextLabel, next),
  );
  return { node, name, prefix, waiting, waitingLabel, longest, forecast, open, served, abandoned, target, meter, next, nextLabel, issue };
}

export function queue(page) {
  each(document.getElementById("queue"), page.of("queue"), (id) => makeService(page, id), (row, queue, id) => {
    const service = page.plan.services[id] ?? {};
    const share = service.target_wait_s ? queue.longest_wait_s / service.target_wait_s : 0;
    put(row.name, page.name("services", id));
    put(row.prefix, service.prefix);
    put(row.waitingLabel, word("waiting"));
    put(row.waiting, queue.waiting);
    put(row.longest.label, word("longest"));
    put(row.longest.value, queue.waiting ? span(queue.longest_wait_s) : "–");
    put(row.target, word("target", span(service.target_wait_s)));
    row.meter.firstChild.style.width = `${Math.min(100, 100 * share).toFixed(0)}%`;
    mark(row.meter, "data-kind", share >= 2 ? "bad" : share >= 1 ? "warn" : "good");
    mark(row.longest.value, "data-kind", share >= 2 ? "bad" : share >= 1 ? "warn" : null);
    put(row.forecast.label, word("forecast"));
    put(row.forecast.value, range(queue.wait_now_s));
    mark(row.forecast.value, "data-kind", queue.wait_now_s == null ? "mute" : null);
    for (const [part, key, value] of [
      [row.open, "serve_it", queue.counters_open],
      [row.served, "served", queue.served_today],
      [row.abandoned, "abandoned", queue.abandoned_today],
    ]) {
      put(part.label, word(key));
      put(part.value, value);
    }
    put(row.nextLabel, word("next"));
    put(row.issue, word("issue"));
    row.issue.hidden = !page.plan.requests;
    const next = queue.next.length ? queue.next.map((ticket) => [ticket, ticket]) : [["", word("nobody")]];
    each(row.next, next, (key) => ({ node: el("li", { class: key ? "ticket" : "mute" }) }), (chip, ticket) => put(chip.node, ticket));
  });
}

const CAN = { closed: ["open_counter"], paused: ["open_counter", "close_counter"], open: ["call_next", "pause_counter"], serving: ["call_next", "pause_counter"] };

function makeCounter(page, id) {
  const [name, state, ticket, since, services] = ["name", "state", "desk-ticket", "mute", "desk-services"].map((kind) => el("span", { class: kind }));
  const buttons = ["call_next", "open_counter", "pause_counter", "close_counter"].map((verb) => [
    verb,
    el("button", {
      type: "button",
      click: () => page.ask(verb, { counter: id }, (data) => (verb === "call_next" && !data.ticket ? word("nobody_called") : `${word("counter", id)} · ${data.ticket ?? word(data.state)}`)),
    }),
  ]);
  const actions = el("div", { class: "actions" }, ...buttons.map(([, button]) => button));
  const node = el("li", { class: "desk" }, el("div", { class: "desk-head" }, name, state), ticket, since, services, actions);
  return { node, name, state, ticket, since, services, buttons, actions };
}

export function counters(page) {
  const acts = page.plan.requests && page.plan.authority === "smartbranch";
  each(document.getElementById("counters"), page.of("counter"), (id) => makeCounter(page, id), (row, counter, id) => {
    put(row.name, word("counter", id));
    put(row.state, word(counter.state));
    mark(row.node, "data-state", counter.state);
    put(row.ticket, counter.ticket ?? "–");
    put(row.since, counter.since ? word("since", moment(counter.since, page.t)) : "");
    put(row.services, counter.services.map((service) => said(page.plan.services[service]?.name) || service).join(" · "));
    row.actions.hidden = !acts;
    for (const [verb, button] of row.buttons) {
      button.hidden = !CAN[counter.state]?.includes(verb);
      put(button, word(verb));
      mark(button, "aria-label", `${word("counter", id)}: ${word(verb)}`);
    }
    show(row.since, Boolean(counter.since));
  });
}
