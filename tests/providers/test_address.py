"""Gaps, what fills them, and which hosts they lead to."""

from __future__ import annotations

import pytest

from trunkline.providers.address import Parameter, filled, gaps, host_in, host_pattern, matches
from trunkline.providers.provider import Endpoint, Provider

PLACE, TENANT = Parameter(name="region", place=True), Parameter(name="resource")


def test_gaps_are_found_and_filled() -> None:
    url = "https://{region}.x.test:8/{project}/{region}"
    assert gaps(url) == ("region", "project")
    assert filled(url, {"region": "r1"}) == "https://r1.x.test:8/{project}/r1"
    assert (
        filled(url, {"region": "{project}", "project": "p"}) == "https://{project}.x.test:8/p/{project}"
    )  # nothing is filled twice
    assert host_in(url) == "{region}.x.test"


@pytest.mark.parametrize(
    ("host", "tenants", "pattern"),
    [
        ("api.x.test", False, "api.x.test"),
        ("localhost", False, "localhost"),
        ("run.{region}.x.test", False, "run.*.x.test"),
        ("{region}-run.x.test", True, "*-run.x.test"),
        ("{resource}.x.test", True, "*.x.test"),
        ("{resource}.x.test", False, None),
        ("{region}.{resource}.x.test", False, None),
        ("{resource}", True, None),
        ("{resource}.test", True, None),
        ("{unknown}.x.test", False, None),
    ],
)
def test_the_hosts_that_a_template_leads_to(host: str, tenants: bool, pattern: str | None) -> None:
    assert host_pattern(host, (PLACE, TENANT), tenants) == pattern


@pytest.mark.parametrize(
    ("host", "pattern", "is_meant"),
    [
        ("run.eu-1.x.test", "run.*.x.test", True),
        ("run.eu.1.x.test", "run.*.x.test", False),
        ("run..x.test", "run.*.x.test", False),
        ("run.eu-1.x.test.evil.test", "run.*.x.test", False),
        ("runxeu-1.x.test", "run.*.x.test", False),
        ("eu-run.x.test", "*-run.x.test", True),
        ("evil.test/-run.x.test", "*-run.x.test", False),
        ("a.x.test", "*.x.test", True),
        ("x.test", "*.x.test", False),
        ("a.b.run.c.x.test", "*.run.*.x.test", True),
        ("a.run.x.test", "*.run.*.x.test", False),
        ("x.test", "X.test", True),
    ],
)
def test_patterns_of_hosts(host: str, pattern: str, is_meant: bool) -> None:
    assert matches(host, pattern) is is_meant


def test_an_endpoint_is_elsewhere_for_some_values() -> None:
    where = {"region=global": "https://all.test", "region=cn-*": "https://{region}.cn.test"}
    endpoint = Endpoint(dialect="d", url="https://{region}.x.test", url_where=where)
    assert endpoint.template({"region": "GLOBAL"}) == "https://all.test"
    assert endpoint.template({"region": "cn-north"}) == "https://{region}.cn.test"
    assert endpoint.template({"region": "eu"}) == endpoint.template({}) == "https://{region}.x.test"
    row = Provider(name="p", endpoints=(endpoint,), parameters=(PLACE,), hosts=("old.x.test",))
    assert row.host_patterns() == ("old.x.test", "*.x.test", "all.test", "*.cn.test")
    assert row.owns("eu.x.test")
    assert not row.owns("x.test")
