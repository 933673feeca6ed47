#!/usr/bin/env bash
# Installs the Debian packages that are missing, and nothing else. Usage: tools/install_dependencies.sh build|test|benchmark
# docs/dependencies.md says why each is there. Needs no network when everything is installed.
set -euo pipefail

build=(g++ cmake ninja-build pkg-config libhwy-dev libyaml-cpp-dev nlohmann-json3-dev libcli11-dev libfmt-dev
  libxxhash-dev protobuf-compiler libprotobuf-dev libpcre2-dev libutf8proc-dev libisal-dev
  libcurl4-openssl-dev libsnappy-dev libzstd-dev zlib1g-dev libflint-dev libflint-arb-dev libseccomp-dev
  libcld2-dev libcpp-httplib-dev libopenmpi-dev openmpi-bin)
testing=(libgtest-dev clang-format python3)
benchmark=(libbenchmark-dev libdnnl-dev ocl-icd-opencl-dev)

case "${1:-build}" in
  build) wanted=("${build[@]}") ;;
  test) wanted=("${build[@]}" "${testing[@]}") ;;
  benchmark) wanted=("${build[@]}" "${testing[@]}" "${benchmark[@]}") ;;
  *) echo "install_dependencies.sh: '$1' is none of build, test, benchmark" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "rlvr: this script knows Debian 12's packages only; elsewhere install the equivalents of: ${wanted[*]}" >&2
  exit 1
fi
missing=()
for package in "${wanted[@]}"; do
  status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [ "$status" = "install ok installed" ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "rlvr: not root and no sudo; ask for: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "rlvr: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; then
  echo "rlvr: apt-get could not install these (see its message above): ${missing[*]}" >&2
  exit 1
fi
