"""The process in which a chat template runs: what it may use up is limited before it is read.

It takes template and conversation, with tools or without, as JSON on standard input. It prints
`{"text": ...}`, or `{"refused": ...}` where the template does not want this conversation, or
`{"unusable": ...}`.
"""

import json
import resource
import sys
from contextlib import suppress
from typing import Any, NoReturn

_SECONDS = 2
_BYTES = 512 * 1024 * 1024


def main() -> None:
    _limit()
    asked: dict[str, Any] = json.loads(sys.stdin.read())
    print(json.dumps(_render(asked)))


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    with suppress(ValueError, OSError):  # macOS does not let memory be limited; time still is
        resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))


def _render(asked: dict[str, Any]) -> dict[str, str]:
    from jinja2.exceptions import SecurityError, TemplateError, TemplateSyntaxError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(reason: str) -> NoReturn:
        raise TemplateError(reason)

    def no_date(form: str) -> str:
        # The same history has to be the same prompt tomorrow.
        return ""

    def tojson(value: Any, ensure_ascii: bool = False, indent: int | None = None) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = tojson
    try:
        text = environment.from_string(asked["template"]).render(
            **{name: asked[name] for name in ("messages", "tools") if name in asked},
            bos_token=asked["bos"],
            eos_token=asked["eos"],
            add_generation_prompt=True,
            raise_exception=refuse,
            strftime_now=no_date,
        )
    except SecurityError as error:
        return {"unusable": f"it reaches for what it must not: {error}"}
    except TemplateSyntaxError as error:
        return {"unusable": f"its line {error.lineno} cannot be read: {error.message}"}
    except (TemplateError, TypeError, ValueError, KeyError, AttributeError) as error:
        return {"refused": str(error)}
    except (MemoryError, OverflowError, RecursionError):
        return {"unusable": "it takes more memory than any template needs"}
    return {"text": text}


if __name__ == "__main__":
    main()
