"""The VerdictBoard port on GitHub's REST API, and on hosts whose API has its shape, through PyGithub.

A GitHub App, or the token of an Actions job, writes Check Runs; whoever may not, or a host that has none, gets a
commit status instead. An installation's token is asked for with exactly the permissions that are used here.

A POST is never repeated blindly: after a lost answer everything is looked up again, and what arrived is found.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import github
from github.CheckRun import CheckRun
from github.GithubObject import NotSet
from github.IssueComment import IssueComment
from github.Repository import Repository
from jwt import PyJWTError
from pydantic import SecretStr
from requests import RequestException

from dit_dagster.errors import BoardError, BoardRefused, BoardUnreachable
from dit_dagster.model.notice import Notice, NoticeState
from dit_dagster.model.pull_request import PullRequest

T = TypeVar("T")

PERMISSIONS: Mapping[str, str] = {"checks": "write", "pull_requests": "write", "metadata": "read"}
"""All that an installation's token is asked for: checks, and comments under pull requests."""

_ATTEMPTS = 3
_WAIT_SECONDS = 2.0
_PATIENCE_SECONDS = 60.0
_TIMEOUT_SECONDS = 15
_TEXT_LIMIT = 65_000  # GitHub takes 65,535 characters
_TITLE_LIMIT = 200
_DESCRIPTION_LIMIT = 140
_ACTIONS = "github-actions[bot]"
_CUT = "\n\n(cut: the host takes no longer text)"

# A conclusion of `neutral` or `skipped` satisfies a required check: neither is used.
_CONCLUSIONS: Mapping[NoticeState, str] = {
    NoticeState.WAITING: "action_required",
    NoticeState.CANCELLED: "cancelled",
    NoticeState.PASS: "success",
    NoticeState.FAIL: "failure",
    NoticeState.INCONCLUSIVE: "action_required",
    NoticeState.ERROR: "failure",
}
_STATUSES: Mapping[NoticeState, str] = {
    NoticeState.WAITING: "pending",
    NoticeState.QUEUED: "pending",
    NoticeState.RUNNING: "pending",
    NoticeState.CANCELLED: "error",
    NoticeState.PASS: "success",
    NoticeState.FAIL: "failure",
    NoticeState.INCONCLUSIVE: "error",
    NoticeState.ERROR: "error",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A personal token, or that of a job in GitHub Actions."""

    token: SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A GitHub App that is installed on the repository."""

    identifier: int
    key: SecretStr


class GitHubBoard:
    """The repository `slug` on the host whose API is at `address`."""

    def __init__(
        self,
        slug: str,
        credentials: Token | App,
        *,
        address: str,
        pause: Callable[[float], None] = time.sleep,
        seconds_between_writes: float = 1.0,  # what GitHub asks of those who write
    ) -> None:
        self._slug = slug
        self._credentials = credentials
        self._pause = pause
        self._options: dict[str, Any] = {
            "base_url": address.rstrip("/"),
            "timeout": _TIMEOUT_SECONDS,
            "per_page": 100,
            "lazy": True,  # nothing is asked but what is needed
            "seconds_between_requests": 0,
            "seconds_between_writes": seconds_between_writes,
            "retry": None,  # the library would send a POST again, whose answer was lost
        }
        self._checks = True

    def open_pulls(self) -> Mapping[int, PullRequest]:
        return self._persistently(self._open_pulls)

    def show(self, notice: Notice) -> None:
        self._persistently(lambda: self._show(notice))

    def comment(self, number: int, topic: str, text: str) -> None:
        marker = f"<!-- {topic} -->\n"
        body = marker + _cut(text, _TEXT_LIMIT)
        self._persistently(lambda: self._comment(number, marker, body))

    def _open_pulls(self) -> Mapping[int, PullRequest]:
        found = {}
        for pull in self._repository.get_pulls(state="open"):
            home = pull.head.repo  # null if it was deleted
            found[pull.number] = PullRequest(
                number=pull.number,
                author=pull.user.login if pull.user else "",
                fork=home is None or home.full_name.lower() != self._slug.lower(),
                draft=bool(pull.draft),
                labels=frozenset(label.name for label in pull.labels),
            )
        return found

    def _show(self, notice: Notice) -> None:
        if self._checks:
            try:
                return self._show_check(notice)
            except github.GithubException as error:
                # 403: no App, and no job of Actions. 404: a host without Check Runs.
                if error.status not in (403, 404) or isinstance(error, github.RateLimitExceededException):
                    raise
            self._checks = False
        return self._show_status(notice)

    def _show_check(self, notice: Notice) -> None:
        identity = f"dit:{notice.name}"
        listed = self._repository.get_commit(notice.commit).get_check_runs(check_name=notice.name, filter="latest")
        own = [run for run in listed if run.external_id == identity]
        said: dict[str, Any] = {
            "name": notice.name,
            "external_id": identity,
            "details_url": notice.link if notice.link is not None else NotSet,
            "output": {"title": _cut(notice.title, _TITLE_LIMIT, ""), "summary": _cut(notice.summary, _TEXT_LIMIT)},
            **_progress(notice.state),
        }
        if own and (notice.state.final or not _is_over(own[0])):
            own[0].edit(**said)
        else:  # one that is over does not begin again: another takes its place
            self._repository.create_check_run(head_sha=notice.commit, **said)

    def _show_status(self, notice: Notice) -> None:
        """A status takes the place of the one before it under the same context."""
        self._repository.get_commit(notice.commit).create_status(
            _STATUSES[notice.state],
            target_url=notice.link if notice.link is not None else NotSet,
            description=_cut(notice.title, _DESCRIPTION_LIMIT, ""),
            context=notice.name,
        )

    def _comment(self, number: int, marker: str, body: str) -> None:
        issue = self._repository.get_issue(number)
        own = [one for one in issue.get_comments() if self._is_own(one, marker)]
        if not own:
            issue.create_comment(body)
            return
        if own[0].body != body:
            own[0].edit(body)
        for extra in own[1:]:
            extra.delete()

    def _is_own(self, comment: IssueComment, marker: str) -> bool:
        """Whoever repeats our marker does not get us to write into what is theirs."""
        began = (comment.body or "").replace("\r\n", "\n").startswith(marker)
        return began and comment.user.login == self._login

    @cached_property
    def _repository(self) -> Repository:
        return self._client.get_repo(self._slug)

    @cached_property
    def _client(self) -> github.Github:
        match self._credentials:
            case Token(token=token):
                return github.Github(auth=github.Auth.Token(token.get_secret_value()), **self._options)
            case App():
                owner, name = self._slug.split("/")
                number = self._integration.get_repo_installation(owner, name).id
                auth = self._app_auth.get_installation_auth(number, token_permissions=dict(PERMISSIONS))
                return github.Github(auth=auth, **self._options)

    @cached_property
    def _login(self) -> str:
        """Who writes our comments."""
        if isinstance(self._credentials, App):
            return f"{self._integration.get_app().slug}[bot]"
        try:
            return self._client.get_user().login
        except github.GithubException as error:
            if error.status != 403:  # the token of a job is nobody's
                raise
            return _ACTIONS

    @cached_property
    def _integration(self) -> github.GithubIntegration:
        return github.GithubIntegration(auth=self._app_auth, **self._options)

    @cached_property
    def _app_auth(self) -> github.Auth.AppAuth:
        assert isinstance(self._credentials, App)  # noqa: S101  # it is asked for by those that know
        return github.Auth.AppAuth(self._credentials.identifier, self._credentials.key.get_secret_value())

    def _persistently(self, attempt: Callable[[], T]) -> T:
        """Try, and try again what may get better. What is raised holds neither requests nor credentials."""
        for number in range(1, _ATTEMPTS + 1):
            try:
                return attempt()
            except (github.GithubException, RequestException, PyJWTError, ValueError) as error:
                failure, asked = self._told(error), _asked_to_wait(error)
            if isinstance(failure, BoardRefused) or number == _ATTEMPTS or asked > _PATIENCE_SECONDS:
                raise failure
            self._pause(max(asked, _WAIT_SECONDS * number))
        raise AssertionError  # the last attempt returned or raised

    def _told(self, error: Exception) -> BoardError:
        """The error in our words, without its chain: those hold requests with their headers."""
        where = f"{self._options['base_url']} for {self._slug}"
        match error:
            case github.GithubException():
                said = error.data.get("message") if isinstance(error.data, dict) else None
                text = f"{where} answered {error.status}: {self._clean(str(said or 'without a reason'))}"
                later = (
                    error.status >= 500
                    or error.status in (408, 409, 429)
                    or isinstance(error, github.RateLimitExceededException)
                )
                return BoardUnreachable(text) if later else BoardRefused(f"{text}; {_REMEDY}")
            case RequestException():
                return BoardUnreachable(f"{where} did not answer: {type(error).__name__}")
            case _:
                return BoardRefused(f"{where}: the credentials cannot be used: {type(error).__name__}; {_REMEDY}")

    def _clean(self, text: str) -> str:
        """A host that repeats what it was given does not get it into our logs."""
        match self._credentials:
            case Token(token=secret) | App(key=secret):
                return " ".join(text.replace(secret.get_secret_value(), "***").split())[:300]


_REMEDY = "docs/pull-requests.md lists the permissions that are needed"


def _progress(state: NoticeState) -> dict[str, str]:
    if state.final:
        return {"status": "completed", "conclusion": _CONCLUSIONS[state]}
    return {"status": "queued" if state is NoticeState.QUEUED else "in_progress"}


def _asked_to_wait(error: Exception) -> float:
    """The seconds that the host asks for; 0 if it asks for none."""
    headers = error.headers if isinstance(error, github.GithubException) else None
    asked = str((headers or {}).get("retry-after", "0"))
    return float(asked) if asked.isdigit() else 0.0


def _is_over(run: CheckRun) -> bool:
    return run.status == "completed"


def _cut(text: str, limit: int, mark: str = _CUT) -> str:
    """At most `limit` characters; what is cut is said to be."""
    return text if len(text) <= limit else text[: limit - len(mark)] + (mark or "")
