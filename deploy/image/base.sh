#!/bin/sh
# A stand-in for python:3.13-slim where no registry of images can be reached: Debian trixie with its own Python 3.13.
# usage: deploy/image/base.sh [NAME]   Needs mmdebstrap and buildah; BUILDAH names buildah with its options.
set -eu
name=${1:-docker.io/library/python:3.13-slim}
buildah=${BUILDAH:-buildah}

container=$($buildah from scratch)
trap '$buildah rm "$container" >/dev/null' EXIT
tar=$(mktemp)
mmdebstrap --quiet --variant=minbase --include=ca-certificates,python3,python3-venv trixie - >"$tar"
$buildah add --quiet "$container" "$tar" / >/dev/null
rm "$tar"
$buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --cmd python3 "$container"
$buildah commit --quiet "$container" "$name" >/dev/null
