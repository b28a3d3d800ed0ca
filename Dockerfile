# Two images: `shop`, which contains only one static program, and `tor`, which is Debian's Tor with the same program.
# Works with BuildKit and with the classic builder.

# The same version as in rust-toolchain.toml, which is not copied: its lints and formatter are not needed here.
FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /build

# The target must be named, or the flags for a static program would also apply to build scripts and macros.
# The program contains no path of this machine and no time, so the build is reproducible.
ENV CARGO_INCREMENTAL=0 CARGO_PROFILE_RELEASE_STRIP=symbols ZERO_AR_DATE=1
COPY Cargo.toml Cargo.lock ./
# Used by both layers that compile; a change compiles the C code again.
ARG SOURCE_DATE_EPOCH=0
# `--build-arg PROFILE=dist` makes a smaller program, in twice the time.
ARG PROFILE=release
# Stubs instead of the source: this layer compiles the dependencies, and changes only with Cargo.lock.
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
        echo "rustflags = [\"-Ctarget-feature=+crt-static\", \"-Clink-arg=-Wl,-z,pack-relative-relocs\", \"--remap-path-prefix=$crates=/crates\", \"--remap-path-prefix=/build=/shop\"]"; \
    } >.cargo/config.toml; \
    echo "export CFLAGS='-ffile-prefix-map=$crates=/crates -ffile-prefix-map=/build=/shop'" >flags; \
    . ./flags; \
    cargo build --profile "$PROFILE" --locked --bin shop

COPY migrations migrations
COPY static static
COPY templates templates
COPY src src
# Folders for the image, which has no shell to create them. /run/shop is the shared volume, which takes its mode from the
# image.
RUN set -eu; \
    touch src/lib.rs src/main.rs; \
    . ./flags; \
    cargo build --profile "$PROFILE" --locked --bin shop; \
    install -D -m 0755 target/*-unknown-linux-gnu/"$PROFILE"/shop /out/usr/local/bin/shop; \
    mkdir -p /out/tmp /out/run/shop /home-of-shop/db /home-of-shop/mailorders; \
    chmod 1777 /out/tmp; \
    chmod 0777 /out/run/shop; \
    chmod 0700 /home-of-shop/db /home-of-shop/mailorders; \
    find /out /home-of-shop -exec touch -h -d "@$SOURCE_DATE_EPOCH" '{}' +


FROM debian:bookworm-slim AS tor
LABEL org.opencontainers.image.title="shop: tor" \
      org.opencontainers.image.description="Tor with one onion service and nothing else"
# A fixed user ID, so that the compose file can create a tmpfs for tor.
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


# The last stage is the default of `docker build .`.
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
