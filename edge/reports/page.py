"""Page: the service review as one HTML file that needs no other, in Chinese or English, and prints well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from devices.reading import Text
from edge.reports.fleet import Availability
from edge.reports.review import Review, ServiceFigures
from edge.reports.words import WORDS

_STYLE: Final = """
:root { color-scheme: light }
body { font: 15px/1.5 system-ui, "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; color: #1b2430 }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem; margin: 0 }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; border-bottom: 1px solid #ccd3dc; padding-bottom: .2rem }
.sub, .note { color: #5b6675 }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .8rem; margin-top: 1rem }
.tile { border: 1px solid #ccd3dc; border-radius: .4rem; padding: .6rem .8rem }
.tile b { display: block; font-size: 1.4rem }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .5rem; text-align: right; border-bottom: 1px solid #e6eaef }
th { color: #5b6675; font-weight: 600 }
th:first-child, td:first-child { text-align: left }
.bar { display: inline-block; height: .7em; background: #3566a8; border-radius: .1em }
@media print {
  body { margin: 0; max-width: none; font-size: 11px }
  h2 { break-after: avoid }
  tr, .tile { break-inside: avoid }
  .bar { print-color-adjust: exact; -webkit-print-color-adjust: exact }
}
"""


def html(review: Review, language: str) -> str:
    """The page in `zh-CN` or `en`; of another language English."""
    put = _Put(language if language in WORDS["title"] else "en")
    title = f"{put.name(review.branch)} · {put.word('title')} {escape(review.period)}"
    sections = (_tiles, _services, _hours, _ratings, _devices, _air, _alerts)
    body = "\n".join(section(review, put) for section in sections)
    return (
        f'<!doctype html>\n<html lang="{put.language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{title}</title><style>{_STYLE}</style></head>\n'
        f'<body><h1>{title}</h1><p class="sub">{put.word("made_of", review.events)}</p>\n{body}\n'
        f'<p class="note">{put.word("unknown_note")}</p></body></html>\n'
    )


class _Put:
    """How words, names and figures are put in one language; what is not known is said so."""

    def __init__(self, language: str) -> None:
        self.language = language

    def word(self, key: str, *figures: object) -> str:
        """The words, with figures in their places."""
        return escape(WORDS[key][self.language].format(*figures))

    def name(self, name: Text) -> str:
        """A name in this language, or in any."""
        return escape(name.get(self.language) or next(iter(name.values()), ""))

    def figure(self, value: float | None, form: str = "{:,.0f}") -> str:
        """A number, or that it is not known."""
        return self.word("unknown") if value is None else escape(form.format(value))

    def share(self, value: float | None) -> str:
        """A share of one in per cent."""
        return self.figure(None if value is None else 100 * value, "{:.1f} %")

    def minutes(self, seconds: float | None) -> str:
        """Seconds as minutes."""
        return self.figure(None if seconds is None else seconds / 60, "{:,.1f}")

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
        """Rows of finished cells under words."""
        top = "".join(f"<th>{self.word(key)}</th>" for key in head)
        lines = "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
        return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>\n{lines}\n</tbody></table></div>'


def _tiles(review: Review, put: _Put) -> str:
    called = sum(s.waits.count for s in review.services if s.waits)
    in_time = sum(s.within_target * s.waits.count for s in review.services if s.waits and s.within_target is not None)
    ended = sum(s.served + s.no_show + s.abandoned for s in review.services)
    tiles = (
        ("visitors", put.figure(review.visitors)),
        ("tickets", put.figure(review.tickets)),
        ("within_target", put.share(in_time / called if called else None)),
        ("abandonment", put.share(sum(s.abandoned for s in review.services) / ended if ended else None)),
        ("care_wait", put.minutes(review.care_waits.p50_s if review.care_waits else None)),
        ("rating", put.figure(review.rating_mean, "{:.2f}")),
        ("complaints", put.figure(review.complaints)),
    )
    missed = f'<p class="note">{put.word("missed", review.missed)}</p>' if review.missed else ""
    return (
        '<div class="tiles">'
        + "".join(f'<div class="tile">{put.word(key)}<b>{value}</b></div>' for key, value in tiles)
        + f"</div>{missed}"
    )


def _services(review: Review, put: _Put) -> str:
    head = ("issued", "served", "no_show", "abandoned", "wait_mean", "wait_p50", "wait_p90", "within_target", "abandonment")
    return (
        f"<h2>{put.word('by_service')}</h2>{put.table(('service', *head), (_row(s, put) for s in review.services))}"
        f"<h2>{put.word('by_class')}</h2>{put.table(('class', *head), (_row(c, put) for c in review.classes))}"
    )


def _row(of: ServiceFigures, put: _Put) -> tuple[str, ...]:
    waits = of.waits
    times = (waits.mean_s, waits.p50_s, waits.p90_s) if waits else (None, None, None)
    return (
        put.name(of.name) or escape(of.id),
        *(put.figure(n) for n in (of.issued, of.served, of.no_show, of.abandoned)),
        *(put.minutes(t) for t in times),
        put.share(of.within_target),
        put.share(of.abandonment),
    )


def _hours(review: Review, put: _Put) -> str:
    most = max((count for _, count in review.busiest_hours), default=1.0)
    rows = [
        (f"{hour:02d}:00", put.figure(count, "{:.1f}"), f'<span class="bar" style="width:{12 * count / most:.2f}rem"></span>')
        for hour, count in sorted(review.busiest_hours)
    ]
    table = put.table(("hour", "tickets_a_day", "share_bar"), rows) if rows else f"<p>{put.word('unknown')}</p>"
    return f"<h2>{put.word('busiest')}</h2>{table}"


def _ratings(review: Review, put: _Put) -> str:
    given = sum(review.ratings)
    rows = [(str(rating), put.figure(n), put.share(n / given if given else None)) for rating, n in enumerate(review.ratings, start=1)]
    return f"<h2>{put.word('ratings')}</h2>{put.table(('rating', 'given', 'share'), rows)}"


def _devices(review: Review, put: _Put) -> str:
    head = ("device", "availability", "failures", "down_min", "repair_min")
    return f"<h2>{put.word('devices')}</h2>{put.table(head, (_device(d, put) for d in review.devices))}"


def _device(of: Availability, put: _Put) -> tuple[str, ...]:
    known = of.availability is not None
    return (
        put.name(of.name) or escape(of.id),
        put.share(of.availability),
        put.figure(of.failures if known else None),
        put.minutes(of.down_s if known else None),
        put.minutes(of.mean_time_to_repair_s) if of.failures or not known else "–",
    )


def _air(review: Review, put: _Put) -> str:
    head = ("zone", "co2_within", "co2_max", "temperature_within", "temperature_min", "temperature_max")
    rows = (
        (
            put.name(a.name) or escape(a.id),
            put.share(a.co2_within),
            put.figure(a.co2_max_ppm),
            put.share(a.temperature_within),
            put.figure(a.temperature_min_c, "{:.1f}"),
            put.figure(a.temperature_max_c, "{:.1f}"),
        )
        for a in review.air
    )
    return f"<h2>{put.word('air')}</h2>{put.table(head, rows)}"


def _alerts(review: Review, put: _Put) -> str:
    rows = [(escape(a.id), put.figure(a.times), put.minutes(a.mean_s)) for a in review.alerts]
    return f"<h2>{put.word('alerts')}</h2>" + (put.table(("alert", "times", "stood_min"), rows) if rows else f"<p>{put.word('none')}</p>")
