"""Run a command that dies with whoever started this: `python supervise.py COMMAND...`.

Standard input is a pipe whose other end only the parent holds; when the parent is gone, SIGKILL included, the
pipe closes, and the command is killed. SIGTERM is passed on, for a clean stop.
"""

import signal
import subprocess
import sys
import threading


def main() -> int:
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())

    def kill_with_parent() -> None:
        sys.stdin.buffer.read()
        child.kill()

    threading.Thread(target=kill_with_parent, daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main())
