"""Every environment variable, typed and documented, in one place. Nothing else in the project reads the environment.

A `.env` file in the working directory is read too; the environment wins. Unknown names of our own prefix and malformed
values stop the start with one message that lists all that is wrong.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Annotated, Literal

from dotenv import dotenv_values
from pydantic import AnyHttpUrl, Field, SecretStr, StringConstraints, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from sync_pipeline.errors import UsageError

PREFIX = "SYNC_PIPELINE_"
DOTENV = ".env"
DATABASE_FORM = "it is written postgresql://user:password@host:port/database, and @ : / in a password %40 %3A %2F"
PUBLIC_BIGCOMMERCE_API = "https://api.bigcommerce.com"

PostgresUrl = Annotated[str, StringConstraints(strip_whitespace=True)]


class SettingsError(UsageError):
    """Settings are malformed; the message lists every offending variable."""

    kind = "settings"


class Settings(BaseSettings):
    """The settings of one process. Fields are named as their environment variables, in lower case.

    Whatever may hold a password is left out of the representation.
    """

    model_config = SettingsConfigDict(env_file=DOTENV, extra="ignore", env_ignore_empty=True, frozen=True)

    database_url: PostgresUrl | None = Field(
        None, repr=False, description="PostgreSQL of the ledger; none means the embedded one."
    )
    dagster_database_url: PostgresUrl | None = Field(
        None, repr=False, description="Storage of the project's own Dagster instance; none means the embedded one."
    )
    dagster_home: Path | None = Field(None, description="A Dagster instance that is there already.")
    elasticsearch_url: AnyHttpUrl | None = Field(
        None, repr=False, description="The search cluster; none means the embedded one."
    )
    elasticsearch_api_key: SecretStr | None = None
    elasticsearch_ca_certs: Path | None = Field(
        None, description="A PEM file of certificates to trust instead of the system's."
    )
    bigcommerce_api_url: AnyHttpUrl = Field(
        AnyHttpUrl(PUBLIC_BIGCOMMERCE_API), description="Base of the BigCommerce API; `/stores/{hash}/v3/…` is added."
    )
    sync_pipeline_secret_keys: SecretStr | None = Field(None, description="`id:base64key,…`; the first encrypts.")
    sync_pipeline_state_dir: Path = Field(Path(".sync-pipeline"), description="Embedded data, generated files, logs.")
    sync_pipeline_webhook_signature: Literal["off", "log"] = Field(
        "log", description="Whether webhooks' Standard Webhooks signature is looked at; a wrong one is only logged."
    )
    api_host: str = Field("127.0.0.1", description="Where the API and the webhook receiver listen.")
    api_port: int = Field(8000, ge=1, le=65535)
    sync_pipeline_log_file: Path | None = None
    log_level: str = "INFO"
    db_pool_size: int = Field(10, ge=1, le=200)
    sync_pipeline_retries: int = Field(3, ge=0, le=20, description="Attempts that the ledger adds to a failed batch.")

    @field_validator("database_url", "dagster_database_url")
    @classmethod
    def _is_postgres(cls, value: str | None) -> str | None:
        if value is None:
            return None
        from sqlalchemy.engine import make_url  # noqa: PLC0415 - half of the start of a command that needs no database
        from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

        try:
            url = make_url(value)
        except ArgumentError:
            raise ValueError("is no database URL") from None
        except ValueError:  # tells the port, which is a password before which the user or after which the @ is missing
            raise ValueError(f"has a port that is no number: {DATABASE_FORM}") from None
        if url.get_backend_name() not in {"postgres", "postgresql"}:
            raise ValueError("must start with postgres:// or postgresql://")
        if not 0 < (url.port or 1) < 65536:
            raise ValueError(f"has a port that is none: {DATABASE_FORM}")
        if "@" in f"{url.host}{url.database}":
            raise ValueError("has an @ after that of its host: in a user's name or password it is written %40")
        return value

    @field_validator("elasticsearch_url", "bigcommerce_api_url")
    @classmethod
    def _ends_with_its_path(cls, value: AnyHttpUrl | None) -> AnyHttpUrl | None:
        # What begins with one of these may be the rest of a password, whose beginning is then taken for host and port.
        if value is not None and (value.query is not None or value.fragment is not None or "@" in (value.path or "")):
            raise ValueError("has a ?, # or @ after its host: in a user's name or password they are %3F, %23 and %40")
        return value

    @field_validator("bigcommerce_api_url")
    @classmethod
    def _has_no_user(cls, value: AnyHttpUrl) -> AnyHttpUrl:
        if value.username is not None or value.password is not None:
            raise ValueError("has a user or password: BigCommerce takes the token of each store")
        return value

    @field_validator("elasticsearch_api_key")
    @classmethod
    def _is_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not (value.get_secret_value().isascii() and value.get_secret_value().isprintable()):
            raise ValueError("has characters that a header cannot have")
        return value

    @field_validator("elasticsearch_ca_certs", "sync_pipeline_state_dir")
    @classmethod
    def _is_absolute(cls, value: Path | None) -> Path | None:
        try:
            # Processes that `dev` starts work in other folders.
            return None if value is None else value.expanduser().absolute()
        except RuntimeError:
            raise ValueError("begins with ~ and the name of a user that is not there") from None

    @field_validator("log_level")
    @classmethod
    def _is_level(cls, value: str) -> str:
        if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
            raise ValueError("must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL")
        return value.upper()

    @property
    def state_dir(self) -> Path:
        """The state directory as an absolute path."""
        return self.sync_pipeline_state_dir.expanduser().absolute()


def load_settings() -> Settings:
    """Returns the settings of the environment and `.env`.

    Raises SettingsError with everything that is wrong, in one line.
    """
    _check_surroundings()
    problems = _unknown_names()
    try:
        settings = Settings()  # pyright: ignore[reportCallIssue]
    except ValidationError as error:
        # Only names and reasons: a malformed value can be a secret.
        problems += [
            f"{'.'.join(str(part) for part in item['loc']).upper()} {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError("settings: " + "; ".join(problems)) from None
    if problems:
        raise SettingsError("settings: " + "; ".join(problems))
    return settings


def _check_surroundings() -> None:
    """Raises SettingsError when the working directory is gone, or its `.env` cannot be read as text."""
    try:
        dotenv = Path.cwd() / DOTENV
    except FileNotFoundError:
        raise SettingsError("the working directory is gone: change into one that is there") from None
    try:
        # UTF-16 of Latin letters without a mark at its beginning is UTF-8 with NULs.
        readable = not dotenv.is_file() or "\0" not in dotenv.read_text("utf-8")
    except UnicodeDecodeError:
        readable = False
    except OSError as error:
        raise SettingsError(f"{dotenv} cannot be read: {error.strerror}") from None
    if not readable:
        raise SettingsError(f"{dotenv} is not in UTF-8: save it so")


def _unknown_names() -> list[str]:
    known = [name.upper() for name in Settings.model_fields]
    dotenv = dotenv_values(DOTENV) if Path(DOTENV).is_file() else {}
    problems = []
    for name in sorted({*os.environ, *dotenv}):
        if name.startswith(PREFIX) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            problems.append(f"{name} is unknown" + (f" (did you mean {close[0]}?)" if close else ""))
    return problems
