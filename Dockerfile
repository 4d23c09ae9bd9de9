# Puras Studio as one image: `up` runs all parts; `api`, `worker` and `migrate` run one part each.
FROM python:3.13-slim-trixie@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285 AS build
ENV UV_PROJECT_ENVIRONMENT=/build/.venv \
    UV_PYTHON_DOWNLOADS=never \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    PYTHONPATH=/opt/uv
WORKDIR /build
COPY bootstrap-requirements.txt ./
RUN python3 -m pip install --quiet --no-cache-dir --target /opt/uv \
    --require-hashes --only-binary :all: --no-deps --requirement bootstrap-requirements.txt
# Files that rarely change are copied first, so that a new release does not download the packages again.
COPY pyproject.toml uv.lock README.md hatch_build.py ./
COPY skills_kit/pyproject.toml skills_kit/pyproject.toml
COPY mcp/pyproject.toml mcp/pyproject.toml
RUN python3 -m uv sync --frozen --quiet --no-default-groups --group docs --group build --no-install-workspace \
    && python3 -m uv venv --quiet --no-project /app/.venv \
    && python3 -m uv export --quiet --frozen --no-default-groups --all-extras --no-emit-workspace \
        --output-file /app/locked.txt \
    && python3 -m uv pip install --quiet --python /app/.venv --require-hashes --requirement /app/locked.txt
COPY . .
# The image contains the wheels of this checkout with all extras, and the list of their packages (SBOM).
RUN python3 -m uv sync --frozen --quiet --no-default-groups --group docs --group build \
    && .venv/bin/python -m studio.build \
    && .venv/bin/python -m backend.docs_site.build \
    && python3 -m uv build --quiet --all-packages --wheel --no-sources --out-dir dist \
    && python3 -m uv pip install --quiet --python /app/.venv --no-deps dist/*.whl \
    && python3 -m uv export --quiet --frozen --no-default-groups --all-extras --format cyclonedx1.5 \
        --output-file /app/sbom.cdx.json

FROM python:3.13-slim-trixie@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285
ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Puras Studio" \
    org.opencontainers.image.description="The open, self-hostable low-code agent studio with a production backend" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.revision="$REVISION"
ENV PATH=/app/.venv/bin:$PATH \
    PURAS_HOME=/data \
    PURAS_HOST=0.0.0.0 \
    PYTHONUNBUFFERED=1
# The embedded database needs an account with a name. Volumes belong to its number.
RUN useradd --system --uid 10001 --user-group --home-dir /data --no-create-home --shell /usr/sbin/nologin puras \
    && install --directory --owner 10001 --group 10001 --mode 0750 /data
COPY --from=build /app /app
WORKDIR /app
USER 10001:10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["puras-studio"]
CMD ["up"]
