"""A terminal emulation, as far as progress displays use one."""

import re

_PIECES = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


def screen(written: str, *, width: int = 100) -> list[str]:
    """Return the lines that a terminal shows after some output.

    A terminal wraps a full line only at the next character.
    """
    lines, row, column = [""], 0, 0
    for found in _PIECES.finditer(written):
        argument, command, end, text = found.groups()
        if command == "A":
            row -= int(argument or 1)
        elif command == "K":
            lines[row] = "" if argument == "2" else lines[row][:column]
        elif command is not None:
            assert command in "mhl", f"an unknown command: {found[0]!r}"
        elif end == "\r":
            column = 0
        elif end == "\n":
            row, column = row + 1, 0  # the terminal driver adds the CR
        else:
            for character in text:
                if column == width:
                    row, column = row + 1, 0
                lines += [""] * (row + 1 - len(lines))
                line = lines[row].ljust(column)
                lines[row] = line[:column] + character + line[column + 1 :]
                column += 1
        lines += [""] * (row + 1 - len(lines))
    return lines
