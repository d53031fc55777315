"""ConfigValidator: each mistake is named with its setting and its mend, all of them at once, and no secret is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.config_catalogue import by_name, catalogue
from shared.config_checks.findings import Area, Finding, HealthStatus, Severity, ValidationResult
from shared.config_validator import ConfigValidator, configuration_warnings
from shared.errors import ConfigurationError
from tests.unit.config.broken import BROKEN, IDENTITY, SOUND, Broken

KEY = "q7Vd03LmZt"
_NAMES = sorted(by_name())
# What an environment can hold: no NUL, and whatever bytes came in.
_VALUES = st.text(st.characters(blacklist_characters="\0"), max_size=80)


def _check(env: dict[str, str]) -> ValidationResult:
    return ConfigValidator(env).validate_all()


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.what)
def test_each_mistake_is_named_with_its_mend(broken: Broken) -> None:
    found = [finding for finding in _check(broken.env).findings if finding.settings[0] == broken.setting]
    assert found, f"{broken.setting} isn't named"
    finding = found[0]
    assert finding.severity == broken.severity
    assert broken.mend in finding.mend
    assert set(broken.others) <= set(finding.settings)
    assert "Traceback" not in finding.text


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.what)
def test_nothing_else_is_called_critical(broken: Broken) -> None:
    """One mistake doesn't make a list of them: what follows from it isn't told again."""
    named = {broken.setting, *broken.others}
    for finding in _check(broken.env).critical_errors:
        assert named & set(finding.settings), finding.text


def test_what_works_has_no_findings() -> None:
    assert _check(SOUND) == ValidationResult()
    assert _check(SOUND).health_status is HealthStatus.HEALTHY
    in_the_cloud = {**SOUND, **IDENTITY, "AZURE_CLIENT_ID": "6b1f", "WEBSITE_SITE_NAME": "sluice-app"}
    assert _check({name: value for name, value in in_the_cloud.items() if value}).findings == ()


def test_all_mistakes_are_told_at_once() -> None:
    single = [each for each in BROKEN if len(each.changes) == 1 and all(each.changes.values())]
    first = {name: broken for broken in reversed(single) for name in broken.changes}
    wrong = {name: value for broken in first.values() for name, value in broken.changes.items()}
    named = {finding.settings[0] for finding in _check({**SOUND, **wrong}).findings}
    assert len(first) >= 15
    assert {broken.setting for broken in first.values()} <= named


def test_the_four_parts_are_the_whole() -> None:
    validator = ConfigValidator({"SLUICE_MAX_ATTEMPTS": "x", "REASONING_MAX_TOKENS": "60000"})
    parts = {
        Area.ENVIRONMENT: validator.validate_environment(),
        Area.SERVICES: validator.validate_services(),
        Area.AI_PROVIDERS: validator.validate_ai_providers(),
        Area.PERFORMANCE: validator.validate_performance_settings(),
    }
    for area, part in parts.items():
        assert part.critical_errors
        assert {finding.area for finding in part.findings} == {area}
    assert sum(len(part.findings) for part in parts.values()) == len(validator.validate_all().findings)


def test_status_and_texts_of_a_result() -> None:
    def finding(severity: Severity) -> Finding:
        return Finding(severity, Area.SERVICES, ("A", "B"), "is wrong.", "Mend it.")

    critical, warning, advice = (finding(severity) for severity in Severity)
    result = ValidationResult.of([advice, warning, critical, warning])
    assert result.findings == (critical, warning, advice)
    assert result.errors == ["A, B: is wrong. Mend it."]
    assert (result.is_valid, result.health_status) == (False, HealthStatus.UNHEALTHY)
    assert ValidationResult.of([warning, advice]).health_status is HealthStatus.DEGRADED
    assert ValidationResult.of([advice]).health_status is HealthStatus.HEALTHY
    assert result.as_dict()["findings"][0] == {
        "severity": "critical",
        "area": "services",
        "settings": ["A", "B"],
        "problem": "is wrong.",
        "mend": "Mend it.",
    }


def test_the_contract_of_the_source_documents() -> None:
    result = ConfigValidator({}).validate_all()
    assert not result.is_valid
    error = ConfigurationError(result.errors)
    assert "AzureWebJobsStorage: " in str(error)
    assert "AZURE_OPENAI_ENDPOINT: " in str(error)


def test_what_the_readiness_check_takes() -> None:
    assert configuration_warnings(SOUND) == []
    (warning,) = configuration_warnings({**SOUND, "SLUICE_MAX_ATEMPTS": "3"})
    assert warning.startswith("SLUICE_MAX_ATEMPTS: ")
    with pytest.raises(ConfigurationError) as caught:
        configuration_warnings({**SOUND, "SLUICE_MAX_ATTEMPTS": "x", "SLUICE_MAX_THROTTLES": "y"})
    assert "SLUICE_MAX_ATTEMPTS" in str(caught.value)
    assert "SLUICE_MAX_THROTTLES" in str(caught.value)


@pytest.mark.parametrize(
    "env",
    [
        {"AZURE_OPENAI_API_KEY": KEY},
        {"AZURE_OPENAI_API_KEY": f"{KEY}\n2"},
        {"AzureWebJobsStorage": f"AccountKey={KEY}"},
        {"ServiceBusConnection": f"Endpoint=http://x;SharedAccessKeyName=n;SharedAccessKey={KEY}"},
        {"AZURE_OPENAI_ENDPOINT": f"https://user:{KEY}@m.openai.azure.com"},
        {"AZURE_OPENAI_ENDPOINT": f"https://m.openai.azure.com/?sig={KEY}"},
        {"SLUICE_FUNCTION_KEY": KEY, "OPENAI_TOKEN_LIMIT_PER_MINUTE": KEY},
        {"SLUICE_FUNCTION_KEY": KEY, "FEEDBACK_PROFILE": f"/{KEY}"},
        {"SLUICE_FUNCTION_KEY": KEY, "SLUICE_APP_WEIGHTS": KEY},
        {"OPENAI_TOKEN_LIMIT_PER_MINUTE": f"{KEY}{KEY}"},
    ],
)
def test_no_secret_is_shown(env: dict[str, str]) -> None:
    for finding in _check({**SOUND, **env}).findings:
        assert KEY not in finding.text


@given(st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=12))
def test_any_text_is_a_finding_at_most(env: dict[str, str]) -> None:
    result = _check(env)
    for finding in result.findings:
        assert finding.settings
        assert finding.problem
        assert finding.mend
    assert result.as_dict()


@given(st.dictionaries(_VALUES.filter(lambda name: name not in _NAMES), _VALUES, max_size=8))
def test_any_name_is_a_finding_at_most(env: dict[str, str]) -> None:
    assert _check({**SOUND, **env}).is_valid


@given(st.data())
def test_a_secret_of_any_form_is_not_shown(data: st.DataObject) -> None:
    secret = data.draw(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=40))
    names = [setting.name for setting in catalogue() if setting.secret]
    env = {**SOUND, data.draw(st.sampled_from(names)): secret, data.draw(st.sampled_from(_NAMES)): f"x {secret}"}
    for finding in _check(env).findings:
        # The mend of a placeholder is text of ours, which a secret may be a part of.
        assert secret not in finding.problem
