"""Types into redis-cli as a person does, and presses the tab key: its completion and its hints come
from COMMAND DOCS. Arguments: host and port."""

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time


def read_until(terminal: int, *wanted: bytes, seconds: float = 15) -> None:
    """Reads what the terminal shows until it showed each of `wanted` in this order."""
    shown = b""
    end = time.monotonic() + seconds
    while not in_order(shown, wanted):
        left = end - time.monotonic()
        if left <= 0 or not select.select([terminal], [], [], left)[0]:
            raise SystemExit(f"completion: {wanted!r} was not shown in {shown!r}")
        try:
            shown += os.read(terminal, 65536)
        except OSError:
            raise SystemExit(f"completion: redis-cli ended after {shown!r}") from None


def in_order(shown: bytes, wanted: tuple[bytes, ...]) -> bool:
    at = 0
    for one in wanted:
        at = shown.find(one, at)
        if at < 0:
            return False
        at += len(one)
    return True


def main() -> None:
    host, port = sys.argv[1:]
    child, terminal = pty.fork()
    if child == 0:
        # Without a size redis-cli asks the terminal for it, and waits for an answer.
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        os.environ.update(TERM="xterm", HOME="/nonexistent", REDISCLI_HISTFILE="/dev/null")
        os.execvp("redis-cli", ["redis-cli", "-h", host, "-p", port])
    try:
        read_until(terminal, b"> ")
        # The hint after a whole name shows its arguments.
        os.write(terminal, b"trail ")
        read_until(terminal, b"id")
        os.write(terminal, b"\x15")
        # The tab key completes a name that is the only one to begin so.
        os.write(terminal, b"inf\t")
        read_until(terminal, b"INFO")
        os.write(terminal, b"\r")
        read_until(terminal, b"# Server", b"# Messages", b"> ")
        os.write(terminal, b"ping\r")
        read_until(terminal, b"PONG")
    finally:
        os.close(terminal)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
