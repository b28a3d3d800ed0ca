#!/usr/bin/env python3
"""Makes every thread of a running process try system calls, and prints their results as JSON: {thread: {name: result}}.

usage: probe.py PID < CALLS.json

CALLS.json: [[name, number of the call, [arguments]], …]. An argument is a number, or a text, which is passed as its address.
A result is the call's own: a negative one is an error number.

The calls are made by ptrace(2), in the process itself: nothing is built into it for this. Needs root and x86-64.
"""

import ctypes
import json
import os
import re
import sys

SEIZE, INTERRUPT, GETREGS, SETREGS, SINGLESTEP, DETACH = 0x4206, 0x4207, 12, 13, 9, 17
WALL = 0x40000000
NAMES = (
    "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs"
).split()
# Of the results, in the order of the system call's arguments.
ARGUMENTS = ("rdi", "rsi", "rdx", "r10", "r8", "r9")


class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in NAMES]


libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, tid, data=None):
    if libc.ptrace(request, tid, None, data) == -1:
        error = ctypes.get_errno()
        raise OSError(error, f"ptrace {request:#x} of {tid}: {os.strerror(error)}")


def find_syscall(pid, memory):
    """The address of a `syscall` instruction."""
    for line in open(f"/proc/{pid}/maps"):
        found = re.match(r"([0-9a-f]+)-([0-9a-f]+) r-x", line)
        if found and "[vsyscall]" not in line:
            start, end = (int(text, 16) for text in found.groups())
            memory.seek(start)
            at = memory.read(end - start).find(b"\x0f\x05")
            if at != -1:
                return start + at
    sys.exit("the process has no system call instruction")


def call(tid, memory, instruction, saved, number, arguments):
    registers = Registers.from_buffer_copy(saved)
    # Below the stack's red zone of 128 bytes.
    address = saved.rsp - 4096
    texts = b""
    values = []
    for argument in arguments:
        if isinstance(argument, str):
            values.append(address + len(texts))
            texts += argument.encode("latin-1") + b"\0"
        else:
            values.append(argument)
    memory.seek(address)
    before = memory.read(len(texts))
    memory.seek(address)
    memory.write(texts)
    for register, value in zip(ARGUMENTS, values + [0] * 6):
        setattr(registers, register, value & (2**64 - 1))
    registers.rax, registers.rip = number, instruction
    # Otherwise the kernel would restart the call that was interrupted.
    registers.orig_rax = 2**64 - 1
    ptrace(SETREGS, tid, ctypes.byref(registers))
    ptrace(SINGLESTEP, tid)
    _, status = os.waitpid(tid, WALL)
    if not os.WIFSTOPPED(status):
        sys.exit(f"thread {tid} ended in a call: {status:#x}")
    ptrace(GETREGS, tid, ctypes.byref(registers))
    memory.seek(address)
    memory.write(before)
    return ctypes.c_longlong(registers.rax).value


def main():
    pid = int(sys.argv[1])
    calls = json.load(sys.stdin)
    results = {}
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        instruction = find_syscall(pid, memory)
        for tid in sorted(int(name) for name in os.listdir(f"/proc/{pid}/task")):
            try:
                ptrace(SEIZE, tid)
            except OSError:
                # A thread of the pool may end meanwhile.
                if os.path.exists(f"/proc/{pid}/task/{tid}"):
                    raise
                continue
            ptrace(INTERRUPT, tid)
            os.waitpid(tid, WALL)
            saved = Registers()
            ptrace(GETREGS, tid, ctypes.byref(saved))
            answers = {}
            for name, number, arguments in calls:
                answers[name] = call(tid, memory, instruction, saved, number, arguments)
                if number in (2, 41, 257) and 0 <= answers[name]:
                    call(tid, memory, instruction, saved, 3, [answers[name]])
            ptrace(SETREGS, tid, ctypes.byref(saved))
            ptrace(DETACH, tid)
            results[tid] = answers
    json.dump(results, sys.stdout)


main()
