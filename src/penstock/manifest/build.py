"""`build`: how a commit becomes what is released. Once per commit, shared by every environment."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from penstock.manifest.section import Command, Duration, Section, Variable, not_acted_on, wrong

KINDS = ("python", "command")
_LATER_KINDS = frozenset({"lambda_zip", "node", "image", "wheel", "bundle"})


class Build(Section):
    """A virtual environment with the requirements in it (`python`), or whatever a command leaves (`command`).

    `run` is the command; for `python`, one after the requirements. It sees `env` and the secrets in
    `sees`, and nothing else. `within_s` is how long it may take.
    """

    not_yet: ClassVar[frozenset[str]] = frozenset(
        {"in", "lock", "reproducible", "push", "file", "needs", "when", "cache"}
    )

    kind: Literal["python", "command"] = Field(default="command", alias="is")
    requirements: str | None = None
    run: Command | None = None
    env: dict[Variable, str] = Field(default_factory=dict)
    sees: tuple[str, ...] = ()
    within_s: Duration = Field(default=900.0, alias="within")

    @classmethod
    def short_for(cls, text: str) -> str:
        """A kind, or else a command."""
        return "is" if text in KINDS else "run"

    @model_validator(mode="before")
    @classmethod
    def _acted_on(cls, value: Any) -> Any:
        kind = value.get("is") if isinstance(value, dict) else None
        if isinstance(kind, str) and kind in _LATER_KINDS:
            raise not_acted_on(f"the build `{kind}`", "python, or command with what makes it")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Build:
        if self.kind == "command" and self.run is None:
            raise wrong("this build has no command", "`is: command` runs one", "run: make build", code="missing-key")
        if self.kind == "command" and self.requirements is not None:
            raise wrong(
                "`requirements` is not for a command",
                "they are installed by `is: python`",
                "is: python",
                at="requirements",
            )
        return self._same_everywhere()

    def _same_everywhere(self) -> Build:
        words = (*self.env.values(), *(self.run.argv() if self.run else ()))
        if any("$ENVIRONMENT" in word for word in words):
            raise wrong(
                "a build cannot know the environment",
                "one build is made for each commit, and every environment gets that very one",
                "the same words without $ENVIRONMENT; what differs belongs in `env` or `secrets`",
            )
        return self
