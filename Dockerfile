# Two stages: the first builds a virtual environment from the hashed locks, the second carries only that.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
WORKDIR /src
RUN python3 -m venv /venv
COPY requirements.lock requirements-build.lock ./
RUN /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock \
 && python3 -m venv /build \
 && /build/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements-build.lock
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY cds_cards cds_cards
COPY service service
COPY fixtures fixtures
RUN /build/bin/pip wheel --no-cache-dir --disable-pip-version-check --no-build-isolation --no-deps -w /dist . \
 && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps /dist/*.whl \
 && /venv/bin/python -m compileall -q /venv/lib

FROM ${BASE}
LABEL org.opencontainers.image.title="mda5-cds" org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=build /venv /venv
# the record of calls and feedback, unless MDA5_CDS_DATABASE_URL names a PostgreSQL; without a writable volume cards come all the same
RUN install -d -o 10001 -g 10001 -m 0700 /var/lib/mda5-cds
ENV MDA5_CDS_DATABASE_URL=sqlite:////var/lib/mda5-cds/mda5-cds.sqlite3
VOLUME /var/lib/mda5-cds
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/live', timeout=2)"]
# A container has to listen beyond loopback, so callers must be identified: MDA5_CDS_AUTH=jwt with MDA5_CDS_TRUSTED_CLIENTS and
# MDA5_CDS_PUBLIC_URL. MDA5_CDS_INSECURE=true starts it without, where something in front of it keeps strangers out.
CMD ["mda5-cds", "serve", "--host", "0.0.0.0", "--port", "8000"]
