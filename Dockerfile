# `dit` in an image: git, uv, gitleaks, the docker client and this project at its locked dependencies.
#
#   docker build -t dit .
#   docker run --rm dit list
#
# docs/bigquery.md says what to mount for other pipelines.

FROM docker:28-cli AS docker

FROM zricethezav/gitleaks:v8.18.4 AS gitleaks

FROM python:3.11-slim-bookworm

SHELL ["/bin/bash", "-o", "pipefail", "-c"]

# No version of git is named: Debian keeps only the latest of each package, so a pin would break the build.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends git tini \
 && rm -rf /var/lib/apt/lists/*

# The client only: steps that run in containers reach a daemon through DOCKER_HOST or a mounted socket.
COPY --from=docker /usr/local/bin/docker /usr/local/bin/docker
# Without it, the detect-secrets library scans snapshots.
COPY --from=gitleaks /usr/bin/gitleaks /usr/local/bin/gitleaks

ENV VIRTUAL_ENV=/opt/dit \
    PATH=/opt/dit/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1

# uv stays in the image: the environment of each commit is built with it. The lock pins its version and every other.
WORKDIR /opt/source
COPY requirements.lock ./
RUN python -m venv "$VIRTUAL_ENV" \
 && pip install --no-cache-dir --disable-pip-version-check "$(grep -oE '^uv==[0-9.]+' requirements.lock)" \
 && uv pip sync --no-cache --require-hashes requirements.lock

COPY pyproject.toml README.md LICENSE ./
COPY dit_dagster ./dit_dagster
RUN uv pip install --no-cache --no-deps .

RUN useradd --create-home --uid 1000 dit \
 && install --directory --owner dit /var/lib/dit
USER dit
WORKDIR /home/dit

# Checkouts, environments, logs and the local cloud: mount a volume here to keep them. uv's cache is beside them, since
# the home directory may be somebody else's (in Cloud Build it is).
ENV DIT_HOME=/var/lib/dit \
    UV_CACHE_DIR=/var/lib/dit/uv
# As process 1, dit would not get a signal before it has asked for it, and nobody would reap what its steps leave.
ENTRYPOINT ["tini", "--", "dit"]
CMD ["--help"]
