"""The `dit` command: parse, call, print. It never imports Dagster, which alone would take seconds."""

from __future__ import annotations

import sys
import traceback
from typing import Any


def main() -> None:
    """Run the command line. Errors that we raise on purpose become one line on stderr and an exit code."""
    try:
        from dit_dagster.cli.startup import import_client_alone

        import_client_alone()
        from typer import Abort
        from typer.exceptions import TyperException

        from dit_dagster.cli.commands import app
        from dit_dagster.errors import DitError, InfrastructureError, Interrupted, PipelineError, UsageError
    except Exception as error:  # noqa: BLE001  # Python would exit with 1, which says that a verdict failed
        traceback.print_exc()
        sys.exit(_say(RuntimeError(f"broken installation: {error}; install it again ('make setup')"), 4))
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except TyperException as error:
        sys.exit(_misspelled(error))
    except UsageError as error:
        sys.exit(_say(error, 2))
    except Interrupted as error:
        sys.exit(_say(error, error.exit_code))
    except (PipelineError, InfrastructureError) as error:
        sys.exit(_say(error, 4))
    except DitError as error:
        sys.exit(_say(error, 3))
    except (Abort, KeyboardInterrupt):
        sys.exit(130)
    except Exception as error:  # noqa: BLE001  # Python would exit with 1, which says that a verdict failed
        traceback.print_exc()
        sys.exit(_say(RuntimeError(f"internal error: {type(error).__name__}: {error}; please report it"), 4))


def _misspelled(error: Any) -> int:
    """Arguments that cannot be parsed are a wrong use like any other; a group without a command shows its help."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError" or context is None:
        error.show()
        return 2
    return _say(Exception(f"{error.format_message().rstrip('.')}; see '{context.command_path} --help'"), 2)


def _say(error: Exception, code: int) -> int:
    print(f"dit: {' '.join(str(error).split())}", file=sys.stderr)
    return code
