#!/bin/sh
# Builds the image with its labels, from the Dockerfile beside which this folder lies.
# usage: deploy/image/build.sh [TAG] [ARGUMENT...]   Arguments go to the builder, as: --build-arg BASE=...
# BUILDER names the builder with its options; without it the first of podman, buildah and docker that is here. With the
# first two the same commit makes the same image, bit by bit, on any machine with the same base.
set -eu
cd "$(dirname "$0")/../.."
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
tag=${1:-mda5-cds:$version}
[ $# = 0 ] || shift

if [ -z "${BUILDER:-}" ]; then
  for tool in podman buildah docker; do
    if command -v "$tool" >/dev/null; then BUILDER="$tool build"; break; fi
  done
fi
[ -n "${BUILDER:-}" ] || { echo "podman, buildah or docker is needed to build the image" >&2; exit 1; }

revision=unknown
seconds=${SOURCE_DATE_EPOCH:-315532800}
if commit=$(git rev-parse HEAD 2>/dev/null); then
  revision=$commit$([ -z "$(git status --porcelain --untracked-files=no)" ] || echo -dirty)
  seconds=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
fi
case $BUILDER in
  docker*) ;;
  # docker is Docker's own format: the other one knows no health check
  *) set -- --format docker --timestamp "$seconds" "$@" ;;
esac
exec $BUILDER --tag "$tag" \
  --build-arg "SOURCE_DATE_EPOCH=$seconds" \
  --build-arg "VERSION=$version" \
  --build-arg "REVISION=$revision" \
  --build-arg "CREATED=$(date --utc --date="@$seconds" +%Y-%m-%dT%H:%M:%SZ)" \
  "$@" .
