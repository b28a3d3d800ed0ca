# A host with systemd, for tests/docker/systemd.py: Debian, its tor and mutt, and a seller who may use sudo.
FROM debian:bookworm-slim
RUN set -eu; \
    apt-get update; \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends systemd systemd-sysv sudo tor mutt; \
    rm -rf /var/lib/apt/lists/*; \
    useradd --create-home --shell /bin/bash seller; \
    echo 'seller ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/seller
STOPSIGNAL SIGRTMIN+3
CMD ["/lib/systemd/systemd"]
