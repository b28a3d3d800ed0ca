# Two images from one file: `shop`, which is one static program and nothing else, and `tor`, Debian's Tor beside it.
# Both builders take it, so nothing here is newer than the classic one.

# The same version as rust-toolchain.toml, which stays outside: its lints and formatter are not needed here.
FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /build

# A static program must name its target, or the flags would reach the macros that run while it is built.
# No path of this machine and no time ends up in the program, so the same source gives the same bytes.
ENV CARGO_INCREMENTAL=0 CARGO_PROFILE_RELEASE_STRIP=symbols ZERO_AR_DATE=1
COPY Cargo.toml Cargo.lock ./
# Stubs in place of the source: this layer compiles the dependencies, and changes only with Cargo.lock.
RUN set -eu; \
    mkdir -p src benches .cargo; \
    touch src/lib.rs; \
    echo 'fn main() {}' >src/main.rs; \
    sed -n '/^\[\[bench\]\]/,/^$/s/^name = "\(.*\)"$/\1/p' Cargo.toml | while read -r bench; do \
        echo 'fn main() {}' >"benches/$bench.rs"; \
    done; \
    cargo fetch --locked --target "$(uname -m)-unknown-linux-gnu"; \
    crates=$(echo "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*); \
    { \
        echo '[build]'; \
        echo "target = \"$(uname -m)-unknown-linux-gnu\""; \
        echo "rustflags = [\"-Ctarget-feature=+crt-static\", \"--remap-path-prefix=$crates=/crates\", \"--remap-path-prefix=/build=/shop\"]"; \
    } >.cargo/config.toml; \
    echo "export CFLAGS='-ffile-prefix-map=$crates=/crates -ffile-prefix-map=/build=/shop'" >flags; \
    . ./flags; \
    cargo build --release --locked --bin shop

COPY migrations migrations
COPY static static
COPY templates templates
COPY src src
# The folders that a system without a shell cannot make for itself are made here. /run/shop is where the two containers
# meet: a volume that is made new takes its mode from the image.
ARG SOURCE_DATE_EPOCH=0
RUN set -eu; \
    touch src/lib.rs src/main.rs; \
    . ./flags; \
    cargo build --release --locked --bin shop; \
    install -D -m 0755 target/*-unknown-linux-gnu/release/shop /out/usr/local/bin/shop; \
    mkdir -p /out/tmp /out/run/shop /home-of-shop/db /home-of-shop/mailorders; \
    chmod 1777 /out/tmp; \
    chmod 0777 /out/run/shop; \
    chmod 0700 /home-of-shop/db /home-of-shop/mailorders; \
    find /out /home-of-shop -exec touch -h -d "@$SOURCE_DATE_EPOCH" '{}' +


FROM debian:bookworm-slim AS tor
LABEL org.opencontainers.image.title="shop: tor" \
      org.opencontainers.image.description="Tor with one onion service and nothing else"
# The number is fixed, so that the compose file can give tor a folder in memory.
RUN set -eu; \
    groupadd --system --gid 900 debian-tor; \
    useradd --system --uid 900 --gid 900 --no-create-home --home-dir /var/lib/tor --shell /usr/sbin/nologin debian-tor; \
    apt-get update; \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends tor; \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/ldconfig/aux-cache /var/log/apt /var/log/*.log /var/log/tor; \
    rm -f /etc/tor/torrc; \
    mkdir -p /etc/tor/torrc.d /run/shop; \
    chmod 0777 /run/shop; \
    install -d -o debian-tor -g debian-tor -m 0700 /var/lib/tor /run/tor
COPY docs/tor/sidecar.torrc /etc/tor/torrc
COPY --from=build /out/usr/local/bin/shop /usr/local/bin/shop
USER debian-tor
WORKDIR /var/lib/tor
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/shop", "onion", "sidecar", "--", "tor", "-f", "/etc/tor/torrc"]


# The last stage is what `docker build .` gives.
FROM scratch AS shop
LABEL org.opencontainers.image.title="shop" \
      org.opencontainers.image.description="A self-hosted web shop, paid in cryptocurrency, reached through Tor" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /out/ /
COPY --from=build --chown=1000:1000 /home-of-shop/ /shop/
ENV PATH=/usr/local/bin
WORKDIR /shop
USER 1000:1000
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/shop"]
CMD ["serve"]
