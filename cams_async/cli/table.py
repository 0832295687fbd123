"""A table in plain text."""

from collections.abc import Sequence

GAP = "  "


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out rows under their headers; columns of numbers stand to the right."""
    columns = list(zip(headers, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    numeric = [all(map(_is_numeric, column[1:])) for column in columns]
    rule = ["-" * width for width in widths]
    lines = (
        GAP.join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in (headers, rule, *rows)
    )
    return "\n".join(lines)


def _is_numeric(cell: str) -> bool:
    return cell == "-" or cell[:1].isdigit()
