"""What the seller reads: mutt on the shop's Maildir."""

import subprocess
import time


def begin(session, size, folder, command):
    """Opens a terminal. The one server of all of them may just be ending with its last one: then the next try finds a new one."""
    for n in range(20):
        done = subprocess.run(["tmux", "new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), "-s", session, "-c", str(folder), command],
                              capture_output=True, text=True)
        if done.returncode == 0:
            return
        time.sleep(0.2)
    raise AssertionError("tmux opens no terminal: " + done.stderr)


def screen_of(session, until, keys=(), seconds=10):
    """Types into a terminal and reads it until it shows what is awaited."""
    for key in keys:
        subprocess.run(["tmux", "send-keys", "-t", session, key], check=True)
    for _ in range(10 * seconds):
        screen = subprocess.run(["tmux", "capture-pane", "-p", "-t", session], capture_output=True, text=True, check=True).stdout
        if until in screen:
            return screen
        time.sleep(0.1)
    raise AssertionError("the terminal does not show %r:\n%s" % (until, screen))


def sees_mail(session, until):
    """What the list shows once the new mail is there: neomutt overlooks some now and then, `,n` does not."""
    for _ in range(10):
        subprocess.run(["tmux", "send-keys", "-t", session, "-l", ",n"], check=True)
        try:
            return screen_of(session, until, seconds=2)
        except AssertionError:
            continue
    return screen_of(session, until)


class Mutt:
    """mutt in a terminal of 80 columns and 24 lines, on the shop's Maildir."""

    def __init__(self, world):
        self.session = "shop-%d" % time.monotonic_ns()
        (world.home / "muttrc").write_text(
            "set mbox_type=Maildir\nset sort=threads\nset sort_aux=last-date-received\nset sleep_time=0\nset mail_check=0\nignore *\nunignore from date subject\nset folder=%s\n" % world.home)
        command = "env -u MAIL HOME=%s TERM=xterm LANG=C.UTF-8 mutt -n -F muttrc -R -f mailorders" % world.home
        begin(self.session, (80, 24), world.home, command)

    def shows(self, until, *keys):
        return screen_of(self.session, until, keys)

    def close(self):
        subprocess.run(["tmux", "kill-session", "-t", self.session])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
