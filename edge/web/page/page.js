// Page: what the box says, kept and shown; every section is brought up to date together, once a frame.

import { put, mark } from "./dom.js";
import { said, time } from "./figures.js";
import { ask, listen } from "./link.js";
import { alerts, advice } from "./notices.js";
import { climate } from "./climate.js";
import { devices } from "./devices.js";
import { box, line } from "./line.js";
import { people } from "./people.js";
import { counters, queue } from "./queue.js";
import { tiles } from "./tiles.js";
import { keep, kept, language, speak, word } from "./words.js";

const SECTIONS = [tiles, queue, alerts, advice, counters, people, climate, devices, line, box];
const byId = (id) => document.getElementById(id);

const page = {
  plan: null,
  state: new Map(),
  t: null,
  link: "opening",
  /** `[id, payload]` of a kind of topic. */
  of(kind) {
    return [...this.state].filter(([topic]) => topic.startsWith(`${kind}/`)).map(([topic, payload]) => [topic.slice(kind.length + 1), payload]);
  },
  name(kind, id) {
    return said(this.plan[kind]?.[id]?.name) || id;
  },
  async ask(verb, body, done) {
    try {
      const data = await ask(verb, body);
      if (done) tell(done(data));
    } catch (error) {
      tell(word("refused_by", error.message), "bad");
    }
  },
};

let asked = false;

function draw() {
  if (asked || !page.plan) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    put(byId("branch"), said(page.plan.name));
    put(byId("today"), page.t ? `${page.t.slice(0, 10)} ${time(page.t)}` : "");
    document.title = `${said(page.plan.name)} · smartbranch`;
    for (const section of SECTIONS) section(page);
  });
}

async function learn() {
  const answer = await fetch("/api/plan");
  if (!answer.ok) return;
  const plan = await answer.json();
  if (page.plan && page.plan.build !== plan.build) location.reload(); // the box has a newer page
  const first = page.plan == null;
  page.plan = plan;
  if (first) speak(kept() ?? plan.language);
  draw();
}

function heard(kind, data) {
  page.t = data.t;
  if (kind === "all") {
    page.state.clear();
    learn().catch(() => {}); // lost again: the next "all" asks again
  }
  for (const [topic, payload] of Object.entries(data.state ?? {})) {
    if (payload === null) page.state.delete(topic);
    else page.state.set(topic, payload);
  }
  draw();
}

function linked(now) {
  page.link = now;
  showLink();
}

function showLink() {
  const words = { open: "live", lost: "lost", opening: "opening" };
  mark(document.body, "data-link", page.link);
  put(byId("link"), word(words[page.link]));
  const lost = page.link === "lost";
  byId("lost").hidden = !lost;
  if (lost) put(byId("lost"), page.t ? word("lost_since", time(page.t)) : word("lost_first"));
  byId("main").inert = lost;
}

let fading;

function tell(text, kind = "good") {
  const toast = byId("toast");
  mark(toast, "data-kind", kind);
  toast.hidden = false;
  put(toast, text);
  clearTimeout(fading);
  fading = setTimeout(() => (toast.hidden = true), 6000);
}

for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => {
    keep(button.dataset.language);
    speak(button.dataset.language);
    showLink();
    draw();
  });
}

speak(kept() ?? language());
showLink();
listen(heard, linked);
