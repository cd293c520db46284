# Sourced by the other scripts: makes .venv where it is absent or out of date, and uses it.
# PYTHON names another interpreter than python3; `extras` names what a script needs beside the package.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
stamp=.venv/.installed
extras="${extras-[dev]}"
wanted="$(cat pyproject.toml scripts/constraints.txt | cksum)"
case "$(cat "$stamp" 2>/dev/null)" in
    "$wanted$extras" | "$wanted[dev]") ;;
    *)
        python="${PYTHON:-python3}"
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || {
            echo "lrfind needs Python 3.10 or newer; set PYTHON to name one." >&2
            exit 1
        }
        echo "Installing pinned packages into .venv, once ..." >&2
        "$python" -m venv .venv || exit 1
        PIP_CONSTRAINT=scripts/constraints.txt .venv/bin/python -m pip install \
            --quiet --disable-pip-version-check --editable ".$extras" || exit 1
        # fastai with what its learner imports alone: pip finds no versions of all that it asks
        # for, and torchvision for a GPU does not load beside torch for a CPU.
        [ "$extras" != "[dev]" ] || PIP_CONSTRAINT=scripts/constraints.txt .venv/bin/python -m pip \
            install --quiet --disable-pip-version-check --no-deps fastai beartype fastcore \
            fastdownload fastprogress fasttransform itsdangerous plum-dispatch \
            python-fasthtml python-multipart starlette ||
            echo "fastai could not be installed: its tests will be skipped." >&2
        echo "$wanted$extras" >"$stamp"
        ;;
esac
PATH="$PWD/.venv/bin:$PATH"
