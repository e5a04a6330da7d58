"""The loss curve as a small SVG, drawn by hand so that nothing needs installing."""

from collections.abc import Sequence

WIDTH, HEIGHT, MARGIN = 640, 320, 48
COLOURS = {"val_in": "#1f77b4", "val_out": "#d62728", "middle": "#2ca02c"}
LABELS = {
    "val_in": "unseen files of known packages",
    "val_out": "unseen packages",
    "middle": "middles of holes in both",
}

History = Sequence[dict[str, float]]


def draw_curve(history: History) -> str:
    """Held-out losses over millions of tokens."""
    tokens = [entry["tokens"] / 1e6 for entry in history]
    losses = [entry[name] for entry in history for name in COLOURS]
    left, right = min(tokens), max(tokens)
    low, high = min(losses), max(losses)

    def place(x: float, y: float) -> str:
        across = (x - left) / ((right - left) or 1) * (WIDTH - 2 * MARGIN)
        up = (y - low) / ((high - low) or 1) * (HEIGHT - 2 * MARGIN)
        return f"{MARGIN + across:.1f},{HEIGHT - MARGIN - up:.1f}"

    lines = [
        f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="'
        + " ".join(place(x, entry[name]) for x, entry in zip(tokens, history, strict=True))
        + '"/>'
        for name, colour in COLOURS.items()
    ]
    return "\n".join([_frame(), *lines, *_legend(), *_ticks(left, right, low, high), "</svg>\n"])


def _frame() -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="12">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n'
        f'<path d="M{MARGIN},{MARGIN}V{HEIGHT - MARGIN}H{WIDTH - MARGIN}" fill="none" '
        f'stroke="black"/>'
    )


def _legend() -> list[str]:
    return [
        _text(WIDTH - MARGIN, MARGIN + 16 * number, LABELS[name], "end", colour)
        for number, (name, colour) in enumerate(COLOURS.items())
    ]


def _ticks(left: float, right: float, low: float, high: float) -> list[str]:
    return [
        _text(MARGIN, HEIGHT - MARGIN + 18, f"{left:.1f}M tokens", "start"),
        _text(WIDTH - MARGIN, HEIGHT - MARGIN + 18, f"{right:.1f}M", "end"),
        _text(MARGIN - 6, HEIGHT - MARGIN, f"{low:.2f}", "end"),
        _text(MARGIN - 6, MARGIN + 4, f"{high:.2f}", "end"),
        _text(MARGIN - 6, MARGIN - 14, "loss", "end"),
    ]


def _text(x: float, y: float, text: str, anchor: str, colour: str = "black") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}">{text}</text>'
