# shellcheck shell=bash
# What the checks share. Sourced, never run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

root=${CARGO_TARGET_DIR:-target}
mkdir -p "$root"
# Not under the target directory, so that a fresh clone finds them again.
tools=${QUIPU_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/quipu-tools}

skip() { # REASON: what the check needs was asked for and is not available here
    echo "SKIP ${0##*/}: $*" >&2
    exit 77
}

missing() { # REASON: a skip for a person, a failure for CI
    [[ ${CI:-} == true ]] || skip "$*"
    echo "FAIL ${0##*/}: $*" >&2
    exit 1
}

separately() { # NAME: builds with other flags must not evict the usual ones
    export CARGO_TARGET_DIR=$root/$1
}

some_tests() { # COMMAND...: a filter that matches no test must not pass
    local log=$root/some-tests.$BASHPID.log
    "$@" 2>&1 | tee "$log"
    grep -q '^test result: ok\. [1-9]' "$log" || { echo "FAIL ${0##*/}: no test ran" >&2; exit 1; }
    rm -f "$log"
}

debian() { # COMMAND PACKAGE...: installs the packages if the command is not there
    command -v "$1" >/dev/null && return
    local command=$1
    shift
    echo "installing Debian's $*"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@"; } \
        </dev/null >/dev/null || missing "$command is not there and $* cannot be installed"
}

debian_server() { # COMMAND: installs the package of this name, which would start the server on its usual port
    local policy=/usr/sbin/policy-rc.d
    command -v "$1" >/dev/null && return
    [[ -w ${policy%/*} ]] || missing "$1 is not there, and only root can install it"
    # In a shell of its own, whose trap leaves the caller's as it is.
    (
        if [[ ! -e $policy ]]; then
            trap 'rm -f "$policy"' EXIT
            printf '#!/bin/sh\nexit 101\n' >"$policy"
            chmod +x "$policy"
        fi
        debian "$1" "$1"
    )
}

debian_backports() { # PACKAGE: the version that Debian made for its last release from its next one
    local apt codename
    # shellcheck source=/dev/null
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}") || return 0
    # Where there is none, the caller finds what it had before.
    [[ -n $codename && -f /etc/apt/sources.list.d/debian.sources ]] || return 0
    echo "installing Debian's $1 of $codename-backports"
    # Sources and lists of its own, so that the machine's stay as they are.
    apt=$(mktemp -d)
    mkdir -p "$apt/sources" "$apt/lists/partial"
    chmod -R a+rX "$apt"
    sed "s/\b$codename-updates\b/& $codename-backports/" /etc/apt/sources.list.d/debian.sources >"$apt/sources/debian.sources"
    get() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o "Dir::Etc::SourceParts=$apt/sources" -o "Dir::State::Lists=$apt/lists" "$@"; }
    { get update && get install -y --no-install-recommends -t "$codename-backports" "$1"; } </dev/null >/dev/null || true
    rm -rf "$apt"
}

toolchain() { # NAME COMPONENT...: installs another toolchain if it is not there
    local name=$1 component installed
    shift
    installed=$(rustup component list --installed --toolchain "$name" 2>/dev/null) || installed=
    for component in rustc "$@"; do
        [[ $installed == *"$component"* ]] && continue
        echo "installing Rust $name $*"
        # shellcheck disable=SC2086  # words
        rustup toolchain install "$name" --no-self-update --profile minimal ${*/#/--component=} 2>&1 | tail -n 3 \
            || skip "rustup toolchain install $name ${*/#/--component=}"
        return
    done
}

targets() { # TARGET...: installs the standard library for them
    rustup --quiet target add "$@" || skip "rustup target add $*"
}

published() { # the packages that are published, as arguments for cargo
    cargo metadata --no-deps --format-version 1 | python3 -c '
import json, sys
for package in json.load(sys.stdin)["packages"]:
    if package["publish"] is None:
        print("--package", package["name"])'
}

# The debug profile: it compiles three times faster and is fast enough.
cargo_tool() { # CRATE VERSION
    local bin=$tools/bin/$1
    [[ -x $bin && $("$bin" --version) == *"$2" ]] && return
    echo "installing $1 $2"
    CARGO_TARGET_DIR=$root/tools cargo install "$1" --version "$2" --locked --debug --quiet --root "$tools" \
        || missing "$1 $2 cannot be installed"
}

debian_unpacked() { # SUITE PACKAGE...: programs of another suite of Debian's on the path; nothing is installed
    local suite=$1 there=$tools/debian-$1 apt package
    shift
    PATH=$there/usr/bin:$PATH
    mkdir -p "$there/have"
    apt=$(mktemp -d)
    mkdir -p "$apt/sources" "$apt/lists/partial"
    chmod -R a+rX "$apt"
    # The machine's first source, with another suite.
    sed "/^\$/,\$d; s/^Suites:.*/Suites: $suite/" /etc/apt/sources.list.d/debian.sources >"$apt/sources/debian.sources" || true
    get() { apt-get -qq -o Dir::Etc::SourceList=- -o "Dir::Etc::SourceParts=$apt/sources" -o "Dir::State::Lists=$apt/lists" "$@"; }
    for package; do
        [[ -e $there/have/$package ]] && continue
        echo "unpacking Debian's $package of $suite"
        compgen -G "$apt/lists/*_InRelease" >/dev/null || get update </dev/null >/dev/null || break
        (cd "$apt" && get download "$package" && dpkg-deb -x "$package"_*.deb "$there") </dev/null &>/dev/null || break
        touch "$there/have/$package"
    done
    rm -rf "$apt"
    for package; do
        [[ -e $there/have/$package ]] || missing "$package of Debian's $suite cannot be had"
    done
}

python_tools() { # NAME PACKAGE==VERSION...: their programs, and a Python that has them, on the path
    local there=$tools/python-$1
    shift
    PATH=$there/bin:$PATH
    [[ $(cat "$there/have" 2>/dev/null) == "$*" ]] && return
    python3 -c 'import ensurepip' 2>/dev/null || debian python3-venv python3-venv
    echo "installing $* by pip"
    { python3 -m venv --clear "$there" && "$there/bin/pip" install --quiet "$@"; } || missing "$* cannot be installed"
    echo "$*" >"$there/have"
}

npm_tools() { # NAME PACKAGE@VERSION...: their programs on the path, and their modules where NODE_PATH tells
    local there=$tools/npm-$1
    shift
    PATH=$there/node_modules/.bin:$PATH
    export NODE_PATH=$there/node_modules
    [[ $(cat "$there/have" 2>/dev/null) == "$*" ]] && return
    echo "installing $* by npm"
    npm install --silent --no-audit --no-fund --no-save --prefix "$there" "$@" || missing "$* cannot be installed"
    echo "$*" >"$there/have"
}
