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
        echo "$wanted$extras" >"$stamp"
        ;;
esac
PATH="$PWD/.venv/bin:$PATH"
