# Sourced by the other scripts: makes .venv where it is absent or out of date, and uses it.
# PYTHON names another interpreter than python3; `extras` is empty where the package is enough.
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
        # fastai asks for torchvision, whose builds for a GPU do not load beside torch for a CPU:
        # fastai does without it, and Lightning without one that does not load.
        .venv/bin/python -W ignore -c "import torchvision" 2>/dev/null ||
            .venv/bin/python -m pip uninstall --quiet --yes torchvision 2>/dev/null
        echo "$wanted$extras" >"$stamp"
        ;;
esac
PATH="$PWD/.venv/bin:$PATH"
