// Figures: durations, moments and numbers as people say them, in the page's language.

import { language, word } from "./words.js";

/** The words in the page's language, of `{"zh-CN": …, "en": …}` or plain text. */
export function said(text) {
  if (text == null) return "";
  if (typeof text === "string") return text;
  return text[language()] ?? Object.values(text)[0] ?? "";
}

/** Seconds as whole minutes, or hours and minutes; not known is said. */
export function span(seconds) {
  if (seconds == null) return word("unknown");
  if (seconds < 30) return word("under_a_minute");
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return word("minutes", minutes);
  return word("hours", Math.floor(minutes / 60), String(minutes % 60).padStart(2, "0"));
}

/** Two points of a wait: `6–12 min`. */
export function range(wait) {
  if (wait == null) return word("unknown");
  const [low, high] = [Math.round(wait.p50 / 60), Math.round(wait.p90 / 60)];
  return low === high ? span(wait.p90) : word("minutes", `${low}–${high}`);
}

/** A moment `2026-11-25T09:31:41.360+08:00` as its time; it is written in the branch's zone, so that it is not converted. */
export function time(moment) {
  return moment ? moment.slice(11, 16) : "";
}

/** A moment as its time, with its day where that is not today. */
export function moment(at, now) {
  if (!at) return "";
  return now && at.slice(0, 10) !== now.slice(0, 10) ? `${at.slice(5, 10)} ${time(at)}` : time(at);
}

/** A number to so many places; not known is said. */
export function figure(value, places = 0, unit = "") {
  return value == null ? word("unknown") : `${value.toFixed(places)}${unit}`;
}
