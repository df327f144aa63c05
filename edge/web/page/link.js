// Link: the events of the box; says when it is lost, and comes back by itself.

const SILENT_MS = 16_000; // the box says something each 5 s
const AGAIN_MS = 3_000;

/** `heard(kind, data)` for each event; `state("open" | "lost")` when the link comes and goes. */
export function listen(heard, state) {
  let source, silence;

  function open() {
    source = new EventSource("/events");
    for (const kind of ["all", "changed", "beat"]) {
      source.addEventListener(kind, (event) => {
        state("open");
        watch();
        heard(kind, JSON.parse(event.data));
      });
    }
    source.addEventListener("error", () => {
      state("lost");
      if (source.readyState === EventSource.CLOSED) again(AGAIN_MS); // refused: a browser does not try that again by itself
    });
    watch();
  }

  function again(afterMs) {
    clearTimeout(silence);
    source.close();
    silence = setTimeout(open, afterMs);
  }

  function watch() {
    clearTimeout(silence);
    silence = setTimeout(() => {
      state("lost");
      again(0);
    }, SILENT_MS);
  }

  open();
}

/** Ask the box; the answer's data, or an Error with its words. */
export async function ask(verb, body) {
  const answer = await fetch(`/api/request/${verb}`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-smartbranch": "1" },
    body: JSON.stringify(body),
  });
  const told = await answer.json().catch(() => ({ error: `HTTP ${answer.status}` }));
  if (!answer.ok) throw new Error(told.error ?? `HTTP ${answer.status}`);
  return told.data;
}
