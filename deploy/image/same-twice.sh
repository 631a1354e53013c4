#!/bin/sh
# Builds the image twice, from scratch and from a copy of the source with other file dates and modes, and compares the
# layers. Exit code 0: they are the same, bit by bit. usage: deploy/image/same-twice.sh [ARGUMENT...] (as for build.sh)
# Needs buildah; BUILDAH names it with its options.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
buildah=${BUILDAH:-buildah}
copy=$(mktemp -d)
trap 'rm -rf "$copy"; $buildah rmi --force mda5-cds:first mda5-cds:second >/dev/null 2>&1 || true' EXIT

(cd "$root" && tar -cf - Dockerfile .dockerignore pyproject.toml README.md LICENSE NOTICE requirements*.lock \
  cds_cards service fixtures deploy/image) | (cd "$copy" && umask 077 && tar --no-same-permissions --touch -xf -)

export BUILDER="$buildah build" SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-315532800}"
"$root/deploy/image/build.sh" mda5-cds:first --no-cache "$@" >/dev/null
"$copy/deploy/image/build.sh" mda5-cds:second --no-cache "$@" >/dev/null
layers() { $buildah inspect --type image --format '{{.OCIv1.RootFS.DiffIDs}}' "mda5-cds:$1"; }
echo "first:  $(layers first)"
echo "second: $(layers second)"
[ "$(layers first)" = "$(layers second)" ]
