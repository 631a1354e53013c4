# Two stages: the first makes a virtual environment from the hashed locks, the second carries only that and needs no shell.
# deploy/image/build.sh builds it and fills in the labels; a plain `docker build .` works too.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
# nothing of the day or the machine comes into the image: the same source makes the same files
ARG SOURCE_DATE_EPOCH=315532800
ENV SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} PYTHONHASHSEED=0 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements.lock requirements-build.lock ./
# only finished wheels, installed from outside: neither pip nor setuptools comes along
RUN python3 -m venv /build \
 && /build/bin/pip install --require-hashes --only-binary=:all: -r requirements-build.lock \
 && python3 -m venv --without-pip /venv \
 && /build/bin/pip --python /venv install --no-compile --require-hashes --only-binary=:all: -r requirements.lock
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY cds_cards cds_cards
COPY service service
COPY fixtures fixtures
# what nobody asks for is left out: tests, other libraries' commands, the models of other FHIR versions than R4. Bytecode that is
# never compared with its source depends on no file's date
RUN /build/bin/pip wheel --no-build-isolation --no-deps --wheel-dir /dist . \
 && /build/bin/pip --python /venv install --no-compile --no-deps --no-index --find-links /dist mda5-cds \
 && find /venv/bin -mindepth 1 ! -name 'python*' ! -name mda5-cds -delete \
 && find /venv/lib -type d -name tests -prune -exec rm -r {} + \
 && find /venv/lib/python3*/site-packages/fhir/resources -mindepth 1 -maxdepth 1 ! -name R4B ! -name __init__.py -exec rm -r {} + \
 && /venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /venv/lib \
 && install -d -m 0700 /state/mda5-cds \
 && find /venv /state -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH}" {} +

FROM ${BASE}
COPY --from=build /venv /venv
# the record of calls and feedback, unless MDA5_CDS_DATABASE_URL names a PostgreSQL; without a writable volume cards come all the same
COPY --from=build --chown=10001:10001 /state /var/lib
COPY --chmod=0644 deploy/image/sbom.cdx.json LICENSE NOTICE /usr/share/mda5-cds/
# one heap for all threads: more of them keep what nobody uses any more, a quarter of the memory, and the threads take turns anyway
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MALLOC_ARENA_MAX=1 \
    MDA5_CDS_DATABASE_URL=sqlite:////var/lib/mda5-cds/mda5-cds.sqlite3
VOLUME /var/lib/mda5-cds
USER 10001:10001
EXPOSE 8000
# http.client goes straight to this container, whatever proxy the environment names
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["python3", "-c", "import http.client, sys; \
c = http.client.HTTPConnection('127.0.0.1', 8000, timeout=2); c.request('GET', '/health/live'); sys.exit(c.getresponse().status != 200)"]
# A container has to listen beyond loopback, so callers must be identified: MDA5_CDS_AUTH=jwt with MDA5_CDS_TRUSTED_CLIENTS and
# MDA5_CDS_PUBLIC_URL. MDA5_CDS_INSECURE=true starts it without, where something in front of it keeps strangers out.
CMD ["mda5-cds", "serve", "--host", "0.0.0.0", "--port", "8000"]
# last, for they change with every build
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=1980-01-01T00:00:00Z
LABEL org.opencontainers.image.title="mda5-cds" \
      org.opencontainers.image.description="CDS Hooks service for anti-MDA5 dermatomyositis with rapidly progressive interstitial lung disease" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.vendor="mda5-cds contributors" \
      org.opencontainers.image.base.name="python:3.13-slim" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
