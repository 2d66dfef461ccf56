"""Plots as small SVG files: horizontal bars on a logarithmic axis, and lines."""
import math
from html import escape

COLOURS = {"mosquitto": "#8a8a8a", "millrace": "#1769aa", "millrace-2": "#63a4dc", "millrace-live": "#63a4dc", "millrace-2-live": "#63a4dc",
           "millrace-2-sqlite": "#2e8b57", "millrace-2-pg": "#1769aa", "millrace-sqlite": "#2e8b57",
           "millrace-pg": "#1769aa", "floor": "#c9c9c9", "floor-batch": "#b0b0b0", "nchan": "#b8860b", "node-pg": "#b03a48", "node-live": "#d98880",
           "pglimit": "#c9c9c9", "sqlitelimit": "#c9c9c9"}
WIDTH, LEFT, RIGHT = 760, 210, 80


def number(v):
    """Three significant digits, thousands separated, no exponent."""
    if v is None:
        return "–"
    if v == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(v))))
    text = f"{round(v, digits):,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def short(v):
    """For the ticks of an axis: 100, 10k, 4M."""
    size, unit = next(((s, u) for s, u in ((1e6, "M"), (1e3, "k")) if v >= s), (1, ""))
    return number(v / size) + unit


def text(x, y, words, anchor="start", colour="#333", size=12, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}" font-weight="{weight}">'
            f"{escape(str(words))}</text>")


def line(x1, y1, x2, y2, colour="#ddd", width=1):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"/>'


def document(height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" height="{height:.0f}" '
            'font-family="sans-serif">\n<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n")


def decades(low, high):
    return [10.0**e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


def bars(panels):
    """panels: (title, [(label, value, colour, mark or None)]); each panel on its own logarithmic axis, a mark being a target."""
    parts, y = [], 10
    for title, entries in panels:
        entries = [e for e in entries if e[1]]
        if not entries:
            continue
        marks = [e[3] for e in entries if e[3]]
        ticks = decades(min([e[1] for e in entries] + marks) / 1.01, max([e[1] for e in entries] + marks))
        low, high = math.log10(ticks[0]), math.log10(ticks[-1])
        at = lambda v: LEFT + (math.log10(v) - low) / max(1, high - low) * (WIDTH - LEFT - RIGHT)
        parts.append(text(10, y + 14, title, weight="bold", size=13))
        top, y = y + 24, y + 24
        for tick in ticks:
            parts += [line(at(tick), top, at(tick), top + 22 * len(entries)), text(at(tick), top + 22 * len(entries) + 13, number(tick), "middle", "#777", 10)]
        for label, v, colour, mark in entries:
            parts.append(f'<rect x="{LEFT}" y="{y + 3}" width="{max(1, at(v) - LEFT):.1f}" height="16" fill="{colour}"/>')
            parts += [text(LEFT - 8, y + 15, label, "end"), text(max(at(v), at(mark) if mark else 0) + 6, y + 15, number(v))]
            if mark:
                parts.append(line(at(mark), y, at(mark), y + 22, "#d2691e", 3))
            y += 22
        y += 30
    return document(y, parts)


def lines(panels):
    """panels: (title, x label, {(label, colour): [(x, y)]}); x logarithmic, y from zero."""
    parts, y, height = [], 10, 170
    for title, x_label, series in panels:
        series = {k: [p for p in v if p[1] is not None] for k, v in series.items()}
        series = {k: v for k, v in series.items() if v}
        if not series:
            continue
        xs, ys = [p[0] for v in series.values() for p in v], [p[1] for v in series.values() for p in v]
        low, high = math.log10(max(1, min(xs))), math.log10(max(2, max(xs)))
        top = max(ys) * 1.1 or 1
        left, right = 80, WIDTH - 190
        x_at = lambda v: left + (math.log10(max(1, v)) - low) / max(0.01, high - low) * (right - left)
        y_at = lambda v: y + 30 + height - v / top * height
        parts.append(text(10, y + 14, title, weight="bold", size=13))
        for share in (0, 0.25, 0.5, 0.75, 1):
            parts += [line(left, y_at(top * share), right, y_at(top * share)), text(left - 6, y_at(top * share) + 4, number(top * share), "end", "#777", 10)]
        for x in decades(10**low, 10**high)[: None if high == math.floor(high) else -1]:
            parts.append(text(x_at(x), y + height + 45, short(x), "middle", "#777", 10))
        parts.append(text((left + right) / 2, y + height + 60, x_label, "middle", "#555", 11))
        for n, ((label, colour), points) in enumerate(series.items()):
            path = " ".join(f"{x_at(a):.1f},{y_at(b):.1f}" for a, b in points)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
            parts += [f'<circle cx="{x_at(a):.1f}" cy="{y_at(b):.1f}" r="3" fill="{colour}"/>' for a, b in points]
            parts.append(text(right + 12, y + 44 + 18 * n, label, colour=colour))
        y += height + 80
    return document(y, parts)
