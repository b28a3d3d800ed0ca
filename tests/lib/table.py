"""Markdown tables on standard output."""


def print_head(*cells):
    print_row(*cells)
    print_row(*["---"] * len(cells))


def print_row(*cells):
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)
