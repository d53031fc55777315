"""The deployments of this server: their models, and one limiter each."""

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from local.model.azure_errors import Operation, deployment_not_found, operation_not_supported
from local.model.limits import Limiter, Limits, default_rpm


class DeploymentError(ValueError):
    """A deployment's description is wrong; the text says how."""


@dataclass(frozen=True, slots=True)
class DeploymentSpec:
    """Attributes: model: the base model's name; tpm, rpm: None means the server's defaults."""

    name: str
    model: str
    tpm: int | None = None
    rpm: int | None = None


@dataclass(slots=True)
class Deployment:
    """A deployment in use."""

    name: str
    model: str
    limiter: Limiter

    def check_can(self, operation: Operation) -> None:
        """Raises:
        ApiError: the model is of another kind. Only names that tell the kind are checked.
        """
        kind = _kind_of(self.model)
        if kind is not None and kind != operation:
            raise operation_not_supported(operation, self.model)


class Deployments:
    """All deployments.

    Args:
        specs: the only ones there are; with none, every name is a deployment whose model has the same name.
        limits: of deployments that don't set their own.
        clock: monotonic seconds.
        rng: hides when fixed minutes begin.
    """

    def __init__(
        self,
        specs: Sequence[DeploymentSpec],
        limits: Limits,
        *,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self.clock = clock
        self._specs = {spec.name: spec for spec in specs}
        self._initial = self._default = limits
        self._rng = rng or random.Random()
        self._used: dict[str, Deployment] = {}
        self._open_all()

    @property
    def default_limits(self) -> Limits:
        return self._default

    def get(self, name: str) -> Deployment:
        """Raises:
        ApiError: there is no such deployment.
        """
        if name not in self._used:
            if self._specs or not name:
                raise deployment_not_found()
            self._open(DeploymentSpec(name, name))
        return self._used[name]

    def all(self) -> list[Deployment]:
        """Those that are configured or were used."""
        return list(self._used.values())

    def change(self, name: str | None, changes: dict[str, Any]) -> None:
        """Change limits of one deployment; of all, and of those that come later, where the name is None.

        Args:
            changes: fields of Limits.

        Raises:
            ApiError: there is no such deployment.
        """
        if name is None:
            self._default = replace(self._default, **changes)
        for deployment in self.all() if name is None else [self.get(name)]:
            deployment.limiter.change(replace(deployment.limiter.limits, **changes))

    def reset(self) -> None:
        """Back to how the server started."""
        self._default = self._initial
        self._used.clear()
        self._open_all()

    def _open_all(self) -> None:
        for spec in self._specs.values():
            self._open(spec)

    def _open(self, spec: DeploymentSpec) -> None:
        tpm = spec.tpm or self._default.tpm
        derived = spec.tpm is not None or spec.model.startswith("o1")
        rpm = spec.rpm or (default_rpm(spec.model, tpm) if derived else self._default.rpm)
        limits = replace(self._default, tpm=tpm, rpm=rpm)
        self._used[spec.name] = Deployment(spec.name, spec.model, Limiter(limits, self._rng.uniform(0.0, 60.0)))


def _kind_of(model: str) -> Operation | None:
    if model.startswith("whisper") or knows_no_times(model):
        return "transcription"
    if model.startswith("text-embedding"):
        return "embeddings"
    return "chat" if model.startswith(("gpt-", "o1", "o3", "o4")) else None


def knows_no_times(model: str) -> bool:
    """Whether it is a transcription model other than Whisper: those answer with text alone."""
    return model.startswith("gpt-") and "transcribe" in model


def parse_deployments(arguments: Sequence[str]) -> list[DeploymentSpec]:
    """Read `--deployments`: each a JSON file, or NAME[:MODEL[:TPM[:RPM]]].

    Raises:
        DeploymentError: says which argument is wrong.
    """
    specs: list[DeploymentSpec] = []
    for argument in arguments:
        specs += _read_file(Path(argument)) if argument.endswith(".json") else [_parse_one(argument)]
    return specs


def _parse_one(argument: str) -> DeploymentSpec:
    name, model, tpm, rpm, *more = [*argument.split(":"), "", "", ""][: max(4, argument.count(":") + 1)]
    if more or not name:
        raise DeploymentError(f"{argument!r} is not of the form NAME[:MODEL[:TPM[:RPM]]].")
    return _spec(name, {"model": model or name, "tpm": tpm or None, "rpm": rpm or None}, argument)


def _read_file(path: Path) -> list[DeploymentSpec]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DeploymentError(f"{path} can't be read: {error.strerror}.") from None
    except ValueError as error:
        raise DeploymentError(f"{path} is not JSON: {error}.") from None
    if not isinstance(data, dict) or not all(isinstance(value, dict) for value in data.values()):
        raise DeploymentError(f'{path} must look like {{"my-gpt": {{"model": "gpt-4o-mini", "tpm": 100000}}}}.')
    return [_spec(name, value, f"{path}, {name}") for name, value in data.items()]


def _spec(name: str, values: dict[str, Any], where: str) -> DeploymentSpec:
    if unknown := set(values) - {"model", "tpm", "rpm"}:
        raise DeploymentError(f"{where}: {min(unknown)!r} is unknown; there are model, tpm and rpm.")
    numbers: dict[str, int | None] = {}
    for key in ("tpm", "rpm"):
        value = values.get(key)
        if value is not None and (not str(value).isdecimal() or int(value) < 1):
            raise DeploymentError(f"{where}: {key} must be a whole number of at least 1, not {value!r}.")
        numbers[key] = None if value is None else int(value)
    return DeploymentSpec(name, str(values.get("model") or name), numbers["tpm"], numbers["rpm"])
