"""Register maps as TOML: read, checked, and every mistake of a file told at once."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from devices.wire.quantities import COMMANDED, MODES, known, near
from devices.wire.registers import Bit, Kind, Profile, Register

_SUFFIX: Final = ".toml"
Address = Annotated[int, Field(ge=0, le=0xFFFF)]


class ProfileError(ValueError):
    """A profile cannot be used; the text names file, place and what to do, a line each."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Text(_Table):
    en: str
    zh: str = Field(alias="zh-CN")

    def text(self) -> dict[str, str]:
        return {"zh-CN": self.zh, "en": self.en}


class _Bit(_Table):
    register_: Address = Field(alias="register")
    bit: int = Field(ge=0, le=15)
    reason: _Text
    missing: str | None = None

    _known = field_validator("missing")(lambda name: name if name is None else known(name))


class _Fault(_Table):
    code: int = Field(ge=1, le=0xFFFF)
    reason: _Text


class _Register(_Table):
    quantity: str
    register_: Address = Field(alias="register")
    kind: Kind = Field(default="uint16", alias="type")
    low_word_first: bool = False
    scale: float = Field(default=1.0, allow_inf_nan=False)
    offset: float = Field(default=0.0, allow_inf_nan=False)
    words: dict[int, str] = {}
    power: Address | None = None
    writable: bool = False
    writes_per_hour: int | None = Field(default=None, ge=1)

    _known = field_validator("quantity")(known)

    @field_validator("scale")
    @classmethod
    def _not_zero(cls, scale: float) -> float:
        if scale == 0:
            raise ValueError("a scale of 0 would make every value 0")
        return scale

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.quantity == "mode" and not set(self.words.values()) <= set(MODES):
            raise ValueError(f"words of `mode` are out of {', '.join(MODES)}")
        if self.writable and self.quantity not in COMMANDED:
            raise ValueError(f"{self.quantity} is not commanded, so it cannot be writable; commanded are: {', '.join(COMMANDED)}")
        return self

    def register(self) -> Register:
        return Register(**{name: getattr(self, "register_" if name == "register" else name) for name in Register.__struct_fields__})


class _Profile(_Table):
    title: _Text
    source: str
    function: int = Field(ge=3, le=4)
    most_registers: int = Field(default=125, ge=2, le=125)
    most_gap: int = Field(default=0, ge=0, le=124)
    stride: int | None = Field(default=None, ge=1)
    register_: list[_Register] = Field(alias="register", min_length=1)
    error: list[_Bit] = []
    fault: list[_Fault] = []

    @model_validator(mode="after")
    def _once(self) -> Self:
        quantities = [register.quantity for register in self.register_]
        if twice := sorted({name for name in quantities if quantities.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)} stands in more than one register; a quantity has one")
        return self

    def profile(self, name: str) -> Profile:
        errors: dict[int, dict[int, Bit]] = {}
        for bit in self.error:
            errors.setdefault(bit.register_, {})[bit.bit] = Bit(bit.reason.text(), bit.missing)
        return Profile(
            name,
            self.title.text(),
            self.function,
            tuple(register.register() for register in self.register_),
            errors,
            {fault.code: fault.reason.text() for fault in self.fault},
            self.most_registers,
            self.most_gap,
            self.stride,
        )


def parse(name: str, written: str, file: str) -> Profile:
    """The profile that `written` (TOML) is.

    Raises:
        ProfileError: no TOML, or mistakes in it, all of them, each with `file` and place.
    """
    try:
        return _Profile.model_validate(tomllib.loads(written)).profile(name)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{file}: not TOML: {error}") from None
    except ValidationError as error:
        raise ProfileError("\n".join(f"{file}: {_place(each['loc'])}: {_said(each)}" for each in error.errors())) from None


def _place(place: Sequence[int | str]) -> str:
    return ".".join(str(step + 1 if isinstance(step, int) else step) for step in place) or "the file"


def _said(error: Mapping[str, Any]) -> str:
    if error["type"] != "extra_forbidden":
        return str(error["msg"]).removeprefix("Value error, ")
    return f"no such key; {near(str(error['loc'][-1]), _keys())}"


def _keys() -> Iterable[str]:
    return {field.alias or name for table in (_Profile, _Register, _Bit, _Fault) for name, field in table.model_fields.items()}


def profiles() -> list[str]:
    """The names of the profiles that come with the product."""
    folder = resources.files("devices") / "profiles"
    return sorted(file.name.removesuffix(_SUFFIX) for file in folder.iterdir() if file.name.endswith(_SUFFIX))


def load(name: str) -> Profile:
    """The profile called `name`, or in the file `name` where that ends in `.toml`; reads files, so not in a running event loop.

    Raises:
        ProfileError: no such profile (the text names near ones), an unreadable file, or mistakes in it.
    """
    if not name.endswith(_SUFFIX):
        return _built_in(name)
    try:
        return parse(Path(name).stem, Path(name).read_text(encoding="utf-8"), name)
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"{name}: cannot be read: {error}") from None


@functools.cache
def _built_in(name: str) -> Profile:
    if name not in profiles():
        raise ProfileError(f"no profile is called {name!r}; {near(name, profiles())}")
    file = resources.files("devices") / "profiles" / (name + _SUFFIX)
    return parse(name, file.read_text(encoding="utf-8"), name + _SUFFIX)
