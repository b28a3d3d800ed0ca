"""A disk in a file that records each write and each flush, so that it can be cut off at any moment.

A FUSE file system of one file, on which a loop device is set up: what a file system writes to the device and when it flushes
the device's cache arrives here in that order. Needs root. Source: linux/fuse.h, fuse(4).
"""

import ctypes
import gc
import os
import pathlib
import struct
import subprocess
import sys
import time

INIT, LOOKUP, FORGET, GETATTR, SETATTR, OPEN, READ, WRITE, STATFS, RELEASE, FSYNC, FLUSH, BATCH_FORGET = (
    26, 1, 2, 3, 4, 14, 15, 16, 17, 18, 20, 25, 42)
ENOENT, ENOSYS = 2, 38
FOLDER, FILE = 1, 2
# Units: bytes.
LONGEST = 1 << 20
SECTOR = 512
# In the record: a write with its offset and length, followed by its bytes; or a flush.
RECORD = struct.Struct("<cQI")


class Recorder:
    """Serves the kernel: `image` is the disk's content, and every write and flush is appended to `record`."""

    def __init__(self, folder, image, record, size):
        self.image, self.size = os.open(image, os.O_RDWR | os.O_CREAT), size
        os.ftruncate(self.image, size)
        self.record = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.fuse = os.open("/dev/fuse", os.O_RDWR)
        options = "fd=%d,rootmode=40000,user_id=0,group_id=0" % self.fuse
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"recording", os.fsencode(folder), b"fuse", 0, options.encode()) != 0:
            raise OSError(ctypes.get_errno(), "mount FUSE")

    def serve(self):
        while True:
            try:
                request = os.read(self.fuse, LONGEST + 4096)
            except OSError:
                # Unmounted.
                return
            opcode, unique, node = struct.unpack_from("<4xIQQ", request)
            answer = self.answer(opcode, node, request[40:])
            if answer is None:
                continue
            error, body = (-answer, b"") if isinstance(answer, int) else (0, answer)
            os.write(self.fuse, struct.pack("<IiQ", 16 + len(body), error, unique) + body)

    def answer(self, opcode, node, body):
        """The body of the answer, or an error number; None: the kernel expects none."""
        if opcode == INIT:
            minor, = struct.unpack_from("<4xI", body)
            big_writes, max_pages = 1 << 5, 1 << 22
            return struct.pack(
                "<IIIIHHIIHH32x", 7, min(minor, 31), 1 << 17, big_writes | max_pages, 12, 9, LONGEST, 1, LONGEST // 4096, 0)
        if opcode in (FORGET, BATCH_FORGET):
            return None
        if opcode == LOOKUP:
            return struct.pack("<QQQQII", FILE, 0, 3600, 3600, 0, 0) + self.attributes(FILE) if body == b"disk\0" else ENOENT
        if opcode in (GETATTR, SETATTR):
            return struct.pack("<QII", 3600, 0, 0) + self.attributes(node)
        if opcode == OPEN:
            return struct.pack("<QII", 0, 0, 0)
        if opcode == READ:
            offset, size = struct.unpack_from("<8xQI", body)
            return os.pread(self.image, size, offset)
        if opcode == WRITE:
            offset, size = struct.unpack_from("<8xQI", body)
            data = body[40:40 + size]
            os.pwrite(self.image, data, offset)
            os.write(self.record, RECORD.pack(b"W", offset, size) + data)
            return struct.pack("<II", size, 0)
        if opcode == FSYNC:
            os.write(self.record, RECORD.pack(b"F", 0, 0))
            return b""
        if opcode == STATFS:
            return struct.pack("<QQQQQIIII24x", self.size // 4096, 0, 0, 2, 0, 4096, 255, 4096, 0)
        return b"" if opcode in (RELEASE, FLUSH) else ENOSYS

    def attributes(self, node):
        mode, size = (0o40755, 0) if node == FOLDER else (0o100600, self.size)
        return struct.pack("<QQQQQQIIIIIIIIII", node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def unmount(folder):
    end = time.monotonic() + 10
    while subprocess.run(["umount", str(folder)], capture_output=True).returncode != 0:
        assert time.monotonic() < end, "%s is in use" % folder
        time.sleep(0.05)


class MountedDisk:
    """A file with a file system in it, mounted."""

    def __init__(self, path, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.device = run("losetup", "--find", "--show", str(path))
        try:
            run("mount", self.device, str(self.folder))
        except BaseException:
            run("losetup", "--detach", self.device)
            raise

    def close(self):
        # A connection to the database may still be open in this process.
        gc.collect()
        unmount(self.folder)
        run("losetup", "--detach", self.device)


class RecordingDisk:
    """An empty disk that is recorded from now on, with a file system."""

    def __init__(self, home, kind, size):
        self.home, self.size = pathlib.Path(home), size
        self.record = self.home / "record"
        fuse = self.home / "fuse"
        fuse.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(fuse), str(self.home / "image"), str(self.record), str(size)], stdout=subprocess.PIPE)
        self.process.stdout.readline()
        self.fuse, device = fuse, run("losetup", "--find", "--show", str(fuse / "disk"))
        run("mkfs." + kind, "-q", device)
        run("losetup", "--detach", device)
        self.mounted = MountedDisk(fuse / "disk", self.home / "disk")
        self.folder = self.mounted.folder

    def now(self):
        """The moment, as a position in the record."""
        return self.record.stat().st_size

    def close(self):
        self.mounted.close()
        # The kernel gives the loop device up a moment later.
        unmount(self.fuse)
        self.process.wait(30)


class Cuts:
    """Images of the disk as power cuts at increasing moments leave it."""

    def __init__(self, record, size):
        self.record, self.position, self.size = open(record, "rb"), 0, size
        # What was flushed, and what was written since.
        self.flushed, self.since = bytearray(size), []

    def image(self, path, position, dice):
        """What was flushed before this moment, and of what was written since any of the sectors, in any order."""
        while self.position < position:
            kind, offset, size = RECORD.unpack(self.record.read(RECORD.size))
            if kind == b"F":
                for at, data in self.since:
                    self.flushed[at:at + len(data)] = data
                self.since = []
            else:
                self.since.append((offset, self.record.read(size)))
            self.position = self.record.tell()
        content = bytearray(self.flushed)
        share = dice.choice((0, 0.1, 0.5, 0.9, 1))
        for at, data in self.since:
            for part in range(0, len(data), SECTOR):
                if dice.random() < share:
                    content[at + part:at + part + SECTOR] = data[part:part + SECTOR]
        # A new file: the kernel may still write to the one of the last cut.
        path.unlink(missing_ok=True)
        with open(path, "wb") as file:
            for at in range(0, self.size, LONGEST):
                block = content[at:at + LONGEST]
                file.seek(at)
                if block.count(0) != len(block):
                    file.write(block)
            file.truncate(self.size)


if __name__ == "__main__":
    recorder = Recorder(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
    print("ready", flush=True)
    recorder.serve()
